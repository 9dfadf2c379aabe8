#![doc = include_str!("../README.md")]

mod build;
mod compose;
mod diagnosis;
mod open;
mod options;
mod sign;

pub use open::open;
pub use options::{Credentials, Options};
