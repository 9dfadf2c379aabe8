#![doc = include_str!("../README.md")]

mod client;
mod connector;
mod error;
mod network;
mod options;
mod proxy;
mod reach;
mod redirect;
mod resolve;
mod roots;
mod stream;

pub use client::{Client, Trailers};
pub use error::Error;
pub use network::{Network, NetworkError};
pub use options::Options;
pub use proxy::Proxy;
pub use reach::Reach;
pub use resolve::{Resolve, SystemResolver};
