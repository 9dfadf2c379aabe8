#![doc = include_str!("../README.md")]

mod cursor;
mod endpoint;
mod event;
mod log;
mod namespace;
mod notifier;
mod numbers;
mod queue;
mod repository;
mod spool;
mod target;
mod writer;

pub use endpoint::{Endpoint, SIGNATURE, Sender};
pub use event::{Action, Actor, Event, Request, Schema, Source, Target};
pub use namespace::NotifyingNamespace;
pub use notifier::{Endpoints, Notifier, Options};
pub use numbers::Snapshot;
pub use queue::{Bounds, WhenFull};
