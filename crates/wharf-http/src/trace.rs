//! What a request is called in the log, and which trace it belongs to: what `traceparent` of the W3C's
//! Trace Context says.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use tokio::task::futures::TaskLocalFuture;

/// The step of a trace in which a request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace: [u8; 16],
    /// The step.
    pub span: [u8; 8],
    /// Whether whoever sent it keeps the trace.
    pub sampled: bool,
}

/// What a request is called in every line of the log that belongs to it.
///
/// While a request is worked on, [`RequestNames::current`] says what it is called, so that whoever writes
/// lines can name it in each of them. A span of `tracing` would do the same, but costs each request more
/// than to answer it from memory, whether a line is written or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestNames {
    /// Its own name: 32 hexadecimal digits.
    pub request_id: Arc<str>,
    /// The step of a trace in which it was sent, if the client named one.
    pub parent: Option<Parent>,
}

tokio::task_local! {
    static CURRENT: RequestNames;
}

const HEADER: HeaderName = HeaderName::from_static("traceparent");

// === impl RequestNames ===

impl RequestNames {
    /// Those of the request that is worked on here.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// What is done in its name.
    pub(crate) fn scope<F: Future>(&self, future: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self.clone(), future)
    }

    /// The same for what does not wait.
    pub(crate) fn sync_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }

    /// The trace that it belongs to: 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<String> {
        self.parent.map(|parent| parent.trace_id())
    }
}

// === impl Parent ===

impl Parent {
    /// The trace as text: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace))
    }

    /// The parent of a request, if it names one.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(HEADER).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        Self::parse(value.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (version, rest) = text.split_once('-')?;
        let [version] = bytes(version)?;
        let (ids, more) = rest.split_at_checked(52)?;
        // Versions to come may say more, after another dash.
        if version == 0xff || (version == 0 && !more.is_empty()) || !is_end(more) {
            return None;
        }
        let mut parts = ids.split('-');
        let (trace, span) = (bytes(parts.next()?)?, bytes(parts.next()?)?);
        let [flags] = bytes(parts.next()?)?;
        let is_one = trace != [0; 16] && span != [0; 8] && parts.next().is_none();
        is_one.then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

fn is_end(more: &str) -> bool {
    more.is_empty() || more.starts_with('-')
}

/// Bytes of exactly so many hexadecimal digits in lower case.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_parent_is_read_as_the_w3c_says() {
        let parent = Parent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        assert_eq!(u128::from_be_bytes(parent.trace), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(u64::from_be_bytes(parent.span), 0x00f0_67aa_0ba9_02b7);
        assert!(parent.sampled);
        let check = |text: String, expected: bool| {
            assert_eq!(Parent::parse(&text).is_some(), expected, "{text}");
        };
        check(format!("00-{TRACE}-00f067aa0ba902b7-00"), true);
        check(format!("cc-{TRACE}-00f067aa0ba902b7-01"), true);
        check(format!("cc-{TRACE}-00f067aa0ba902b7-01-more"), true);
        check(format!("cc-{TRACE}-00f067aa0ba902b7-01more"), false);
        check(format!("00-{TRACE}-00f067aa0ba902b7-01-more"), false);
        check(format!("ff-{TRACE}-00f067aa0ba902b7-01"), false);
        check(format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()), false);
        check(format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), false);
        check(format!("00-{TRACE}-0000000000000000-01"), false);
        check(format!("00-{TRACE}-00f067aa0ba902b7"), false);
        check(format!("00-{TRACE}_00f067aa0ba902b7-01"), false);
        check(format!("00-{TRACE}-00f067aa0ba902b7-é"), false);
        check("é-".repeat(30), false);
        check(String::new(), false);
    }

    #[tokio::test]
    async fn work_knows_in_whose_name_it_is_done() {
        let parent = Some(Parent { trace: [0x1f; 16], span: [1; 8], sampled: true });
        let names = RequestNames { request_id: "0a".into(), parent };
        assert_eq!(RequestNames::current(), None);
        let found = names.scope(async {
            tokio::task::yield_now().await;
            RequestNames::current()
        });
        assert_eq!(found.await.as_ref(), Some(&names));
        assert_eq!(names.sync_scope(RequestNames::current).as_ref(), Some(&names));
        assert_eq!(names.trace_id().as_deref(), Some("1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f"));
    }

    #[test]
    fn two_parents_are_none() {
        let mut headers = HeaderMap::new();
        let value = format!("00-{TRACE}-00f067aa0ba902b7-01");
        headers.append(HEADER, value.parse().unwrap());
        assert!(Parent::of(&headers).is_some());
        headers.append(HEADER, value.parse().unwrap());
        assert!(Parent::of(&headers).is_none());
    }
}
