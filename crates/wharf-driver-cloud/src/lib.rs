#![doc = include_str!("../README.md")]

mod answer;
mod client;
mod refused;
mod requests;
pub mod xml;

pub use answer::Answer;
pub use client::{Client, impatient, retry};
pub use refused::Refused;
pub use requests::{Reply, Requests};
