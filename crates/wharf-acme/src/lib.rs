#![doc = include_str!("../README.md")]

mod answers;
mod client;
mod error;
mod folder;
mod manager;
mod order;

pub use answers::Answers;
pub use error::Error;
pub use manager::{Manager, Options};
