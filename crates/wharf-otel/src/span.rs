//! What a server did, and how OTLP writes it down.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use crate::protobuf::Message;

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
            // Whole numbers of 64 bits are texts in JSON.
            "startTimeUnixNano": nanoseconds(self.began).to_string(),
            "endTimeUnixNano": nanoseconds(self.ended).to_string(),
            "attributes": json(self.attributes.iter().cloned()),
        });
        if let Some(parent) = &self.parent {
            span["parentSpanId"] = hex(parent).into();
        }
        if self.failed {
            span["status"] = json!({ "code": ERROR });
        }
        span
    }

    pub(crate) fn protobuf(&self) -> Message {
        let mut span = Message::default().bytes(1, &self.trace).bytes(2, &self.id);
        if let Some(parent) = &self.parent {
            span = span.bytes(4, parent);
        }
        span = span.text(5, &self.name).number(6, self.kind as i64);
        span = span.fixed64(7, nanoseconds(self.began)).fixed64(8, nanoseconds(self.ended));
        span = protobuf(span, 9, self.attributes.iter().cloned());
        match self.failed {
            true => span.message(15, &Message::default().number(3, ERROR.into())),
            false => span,
        }
    }
}

/// Attributes as a list.
pub(crate) fn json<'a>(
    attributes: impl Iterator<Item = (&'a str, Value)>,
) -> Vec<serde_json::Value> {
    attributes.map(|(key, value)| json!({ "key": key, "value": value.json() })).collect()
}

/// The message with attributes as one of its fields.
pub(crate) fn protobuf<'a>(
    message: Message,
    field: u8,
    attributes: impl Iterator<Item = (&'a str, Value)>,
) -> Message {
    attributes.fold(message, |message, (key, value)| {
        let attribute = Message::default().text(1, key).message(2, &value.protobuf());
        message.message(field, &attribute)
    })
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
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

    fn protobuf(&self) -> Message {
        match self {
            Self::Text(text) => Message::default().text(1, text),
            Self::Number(number) => Message::default().number(3, *number),
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
