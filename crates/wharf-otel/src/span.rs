//! What a server did, and how OTLP writes it down.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;

/// The name of a trace.
pub type TraceId = [u8; 16];

/// The name of a step in a trace.
pub type SpanId = [u8; 8];

/// Something that a server has done: a request that it has answered, or a step of that.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace to which it belongs.
    pub trace: TraceId,
    /// Its own name.
    pub id: SpanId,
    /// The step in which it was asked for, if it was one of another server's.
    pub parent: Option<SpanId>,
    /// What kind of thing it was: few different ones.
    pub name: Cow<'static, str>,
    /// For whom it was done.
    pub kind: Kind,
    /// When it came.
    pub began: SystemTime,
    /// When its answer was gone.
    pub ended: SystemTime,
    /// Whether it failed on our side.
    pub failed: bool,
    /// What else there is to say.
    pub attributes: Vec<(&'static str, Value)>,
}

/// For whom something is done, in the numbers of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A step of something larger.
    Internal = 1,
    /// A request that came from outside.
    Server = 2,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

/// The status of what failed.
const ERROR: u8 = 2;

// === impl Span ===

impl Span {
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut span = json!({
            "traceId": hex(&self.trace),
            "spanId": hex(&self.id),
            "name": self.name,
            "kind": self.kind as u8,
            "startTimeUnixNano": nanoseconds(self.began),
            "endTimeUnixNano": nanoseconds(self.ended),
            "attributes": attributes(self.attributes.iter().map(|(name, value)| (*name, value))),
        });
        if let Some(parent) = &self.parent {
            span["parentSpanId"] = hex(parent).into();
        }
        if self.failed {
            span["status"] = json!({ "code": ERROR });
        }
        span
    }
}

pub(crate) fn attributes<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a Value)>,
) -> Vec<serde_json::Value> {
    attributes.map(|(key, value)| json!({ "key": key, "value": value.json() })).collect()
}

/// Whole numbers of 64 bits are texts in JSON.
fn nanoseconds(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// === impl Value ===

impl Value {
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => json!({ "stringValue": text }),
            Self::Number(number) => json!({ "intValue": number.to_string() }),
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
