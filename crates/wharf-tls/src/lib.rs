#![doc = include_str!("../README.md")]

mod acceptor;
mod challenges;
mod error;
mod options;
mod pair;
mod pem;
mod plain;
mod stream;
mod suites;
mod validity;

pub use acceptor::Acceptor;
pub use error::Error;
pub use options::{Clients, Demand, Options, Version};
pub use pair::Renewal;
pub use stream::Stream;
