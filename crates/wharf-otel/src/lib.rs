//! Tells a collector of OpenTelemetry what a server did.
//!
//! A [`Span`] is handed over when what it tells of has ended. Spans wait in a queue of bounded length and
//! go in batches by OTLP: as protobuf over HTTP, as JSON over HTTP, or over gRPC ([`Protocol`]). A collector
//! that is away or slow costs spans, never a request.
//!
//! It is set up by the variables that OpenTelemetry defines ([`Settings::from_variables`]), and off
//! unless one of them says that it is on.
//!
//! ```
//! use wharf_otel::Settings;
//!
//! # fn main() -> Result<(), wharf_otel::SettingsError> {
//! let variable = |name: &str| match name {
//!     "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://collector:4318".to_owned()),
//!     _ => None,
//! };
//! let settings = Settings::from_variables(variable)?.expect("it is on");
//! assert_eq!(settings.endpoint, "http://collector:4318/v1/traces");
//! assert!(Settings::from_variables(|_| None)?.is_none());
//! # Ok(())
//! # }
//! ```

mod batch;
mod exporter;
mod grpc;
mod protobuf;
mod protocol;
mod sampler;
mod settings;
mod span;

pub use exporter::{Exporter, Work};
pub use protocol::Protocol;
pub use sampler::Sampler;
pub use settings::{Settings, SettingsError};
pub use span::{Kind, Span, SpanId, TraceId, Value};
