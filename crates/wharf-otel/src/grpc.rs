//! As much of gRPC as one call needs that has one message in each direction.

use bytes::Bytes;
use http::Response;
use wharf_outbound::Trailers;

use crate::protocol::Refusal;

/// The method that takes spans.
pub(crate) const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What may succeed when it is tried again, as OTLP has it: cancelled, deadline exceeded, aborted, out of
/// range, unavailable, data loss.
const PASSING: [&str; 6] = ["1", "4", "10", "11", "14", "15"];

/// A message with what gRPC wants in front of it: that it is not compressed, and how long it is.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// Why the call failed, if it did. Its status stands after the body, or, where there is none, before it.
pub(crate) fn refusal(answer: &Response<Bytes>) -> Option<Refusal> {
    let said = |name: &str| {
        let trailers = answer.extensions().get::<Trailers>().map(|trailers| &trailers.0);
        let value = trailers.and_then(|it| it.get(name)).or_else(|| answer.headers().get(name));
        value.and_then(|value| value.to_str().ok())
    };
    match said("grpc-status") {
        Some("0") => None,
        Some(code) => Some(Refusal {
            problem: format!("status {code}: {}", said("grpc-message").unwrap_or_default()),
            passes: PASSING.contains(&code),
        }),
        // Who answers here is no server of gRPC: perhaps a proxy that does not find one.
        None => Some(Refusal::of(answer.status()).unwrap_or_else(|| Refusal {
            problem: "what answers there does not speak gRPC".to_owned(),
            passes: false,
        })),
    }
}
