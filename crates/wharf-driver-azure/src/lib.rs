#![doc = include_str!("../README.md")]

mod assemble;
mod build;
mod diagnosis;
mod open;
mod options;
mod sign;

pub use open::open;
pub use options::{Credentials, Options};
