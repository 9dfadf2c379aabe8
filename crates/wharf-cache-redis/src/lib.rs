#![doc = include_str!("../README.md")]

mod cache;
mod connection;
mod options;
mod way;

pub use cache::{Operation, RedisDescriptorCache, Watch};
pub use options::{Error, Options, Tls};
