//! Spans that go together, and what is known of the server whose they are.

use serde_json::json;

use crate::{Span, Value, protobuf::Message, span};

/// Spans that go together.
pub(crate) struct Batch<'a> {
    /// What is known of the server.
    pub(crate) resource: &'a [(String, String)],
    pub(crate) spans: &'a [Span],
}

/// What has made the spans.
const SCOPE: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

// === impl Batch ===

impl Batch<'_> {
    pub(crate) fn json(&self) -> serde_json::Value {
        let spans: Vec<_> = self.spans.iter().map(Span::json).collect();
        let (name, version) = SCOPE;
        json!({ "resourceSpans": [{
            "resource": { "attributes": span::json(self.attributes()) },
            "scopeSpans": [{ "scope": { "name": name, "version": version }, "spans": spans }],
        }] })
    }

    /// An `ExportTraceServiceRequest`.
    pub(crate) fn protobuf(&self) -> Vec<u8> {
        let resource = span::protobuf(Message::default(), 1, self.attributes());
        let scope = Message::default().text(1, SCOPE.0).text(2, SCOPE.1);
        let mut of_scope = Message::default().message(1, &scope);
        for span in self.spans {
            of_scope = of_scope.message(2, &span.protobuf());
        }
        let of_resource = Message::default().message(1, &resource).message(2, &of_scope);
        Message::default().message(1, &of_resource).into()
    }

    fn attributes(&self) -> impl Iterator<Item = (&str, Value)> {
        self.resource.iter().map(|(name, value)| (name.as_str(), value.clone().into()))
    }
}
