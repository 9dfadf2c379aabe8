//! The ways in which OTLP is spoken.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::{batch::Batch, grpc};

/// How spans are written down and carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf over HTTP, usually to port 4318.
    #[default]
    HttpProtobuf,
    /// JSON over HTTP, to the same port.
    HttpJson,
    /// Protobuf over gRPC, usually to port 4317.
    Grpc,
}

/// Why a batch was not taken.
pub(crate) struct Refusal {
    pub(crate) problem: String,
    /// Whether it may be taken later.
    pub(crate) passes: bool,
}

// === impl Protocol ===

impl Protocol {
    /// As `OTEL_EXPORTER_OTLP_PROTOCOL` calls it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "http/protobuf" => Some(Self::HttpProtobuf),
            "http/json" => Some(Self::HttpJson),
            "grpc" => Some(Self::Grpc),
            _ => None,
        }
    }

    /// Where a collector is if nothing is said.
    pub(crate) fn local(self) -> &'static str {
        match self {
            Self::HttpProtobuf | Self::HttpJson => "http://localhost:4318",
            Self::Grpc => "http://localhost:4317",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "application/x-protobuf",
            Self::HttpJson => "application/json",
            Self::Grpc => "application/grpc",
        }
    }

    pub(crate) fn write(self, batch: &Batch<'_>) -> Bytes {
        match self {
            Self::HttpProtobuf => batch.protobuf().into(),
            Self::HttpJson => batch.json().to_string().into(),
            Self::Grpc => grpc::framed(&batch.protobuf()).into(),
        }
    }

    /// Why the collector did not take what it was sent, if it did not.
    pub(crate) fn refusal(self, answer: &Response<Bytes>) -> Option<Refusal> {
        match self {
            Self::HttpProtobuf | Self::HttpJson => Refusal::of(answer.status()),
            Self::Grpc => grpc::refusal(answer),
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// What a status of HTTP says, as OTLP has it.
    pub(crate) fn of(status: StatusCode) -> Option<Self> {
        let passes = matches!(status.as_u16(), 429 | 502..=504);
        (!status.is_success()).then(|| Self { problem: status.to_string(), passes })
    }
}
