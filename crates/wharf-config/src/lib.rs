#![doc = include_str!("../README.md")]

mod auth;
mod check;
mod configuration;
mod debug;
mod duration;
mod environment;
mod error;
mod health;
mod http;
mod listen;
mod log;
mod middleware;
mod nearest;
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
pub use debug::Debug;
pub use duration::parse as parse_duration;
pub use error::{ConfigError, Place, Warning};
pub use health::{FileCheck, Health, HttpCheck, StoreCheck, TcpCheck};
pub use http::{Address, Header, Http, Limits};
pub use listen::TrustedProxies;
pub use log::{Formatter, Level, Log};
pub use middleware::StorageMiddleware;
pub use secret::Secret;
pub use storage::{CacheSize, Driver, Storage, UploadPurging};
pub use tls::{ClientAuth, Tls, TlsVersion};
pub use validation::{Pattern, Platform, Platforms, Validation};
