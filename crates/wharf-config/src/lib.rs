#![doc = include_str!("../README.md")]

mod auth;
mod check;
mod configuration;
mod duration;
mod environment;
mod error;
mod http;
mod listen;
mod log;
pub mod schema;
mod secret;
mod section;
pub mod storage;
mod tls;
mod tree;
mod validation;
mod yaml;

pub use auth::{Auth, Controller, Realm, TokenAuth};
pub use configuration::{Configuration, Loaded};
pub use duration::parse as parse_duration;
pub use error::{ConfigError, Place, Warning};
pub use http::{Address, Header, Http, Limits};
pub use listen::TrustedProxies;
pub use log::{Formatter, Level, Log};
pub use secret::Secret;
pub use storage::{CacheSize, Driver, Storage, UploadPurging};
pub use tls::{ClientAuth, Tls, TlsVersion};
pub use validation::{Pattern, Platform, Platforms, Validation};
