#![doc = include_str!("../README.md")]

mod assemble;
mod build;
mod credentials;
mod crypto;
mod diagnosis;
mod dressed;
mod endpoint;
mod open;
mod options;
mod orphans;
mod profile;
mod sign;

pub use open::open;
pub use options::{Copies, Encryption, Keys, Options};
