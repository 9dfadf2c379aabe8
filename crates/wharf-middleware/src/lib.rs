#![doc = include_str!("../README.md")]

#[cfg(feature = "cloudfront")]
mod cloudfront;
mod guide;
mod way;

#[cfg(feature = "cloudfront")]
pub use cloudfront::{CloudFront, NoKey};
pub use guide::Guide;
pub use way::Way;
