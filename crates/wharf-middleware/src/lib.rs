#![doc = include_str!("../README.md")]

mod guide;
mod way;

pub use guide::Guide;
pub use way::Way;
