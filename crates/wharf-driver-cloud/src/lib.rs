#![doc = include_str!("../README.md")]

mod answer;
mod checked;
mod client;
mod plain;
mod refused;
mod requests;
pub mod xml;

pub use answer::{Answer, in_full};
pub use client::{Client, impatient, retry};
pub use plain::Connector;
pub use refused::Refused;
pub use requests::{Reply, Requests};
