//! Who is told of events, and of which ones.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use wharf_digest::hmac;

use crate::{Action, Event, Schema};

/// Somebody who is told of events.
#[derive(Clone, PartialEq)]
pub struct Endpoint {
    /// What it is called; no two have the same name.
    pub name: String,
    /// Where events are sent.
    pub url: Uri,
    /// What is sent along.
    pub headers: HeaderMap,
    /// How often in a row it may fail before there are pauses.
    pub threshold: u32,
    /// How long these are.
    pub backoff: Duration,
    /// Events about content of these types are not sent.
    pub ignored_media_types: Vec<String>,
    /// Neither are these.
    pub ignored_actions: Vec<Action>,
    /// How events are written down.
    pub schema: Schema,
    /// What requests are signed with.
    pub secret: Option<Vec<u8>>,
}

/// A way to send requests, within limits of its own.
#[async_trait]
pub trait Sender: Send + Sync {
    /// The status of the answer, or why there is none.
    async fn send(&self, request: Request<Bytes>) -> Result<u16, String>;
}

/// Carries the HMAC-SHA-256 of the body, in hexadecimal after `sha256=`.
pub const SIGNATURE: header::HeaderName = header::HeaderName::from_static("wharf-signature");

/// The actions of which somebody is told, one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actions(u8);

// === impl Endpoint ===

impl Endpoint {
    /// An endpoint with what the original assumes.
    pub fn new(name: impl Into<String>, url: Uri) -> Self {
        Self {
            name: name.into(),
            url,
            headers: HeaderMap::new(),
            threshold: 10,
            backoff: Duration::from_secs(1),
            ignored_media_types: Vec::new(),
            ignored_actions: Vec::new(),
            schema: Schema::default(),
            secret: None,
        }
    }

    pub(crate) fn actions(&self) -> Actions {
        let wanted = Action::ALL.into_iter().filter(|it| !self.ignored_actions.contains(it));
        wanted.fold(Actions::default(), Actions::and)
    }

    /// Whether it is told of an event.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        let media_type = event.target.media_type.as_ref();
        self.actions().has(event.action)
            && media_type.is_none_or(|it| !self.ignored_media_types.contains(it))
    }

    /// The request that tells of an event. Configured headers come before our own ones.
    pub(crate) fn request(&self, event: &Event) -> Request<Bytes> {
        let body = event.envelope(self.schema);
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.schema.media_type()));
        if let Some(secret) = &self.secret {
            let tag = hmac::plain(secret, &body);
            let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
            let value = HeaderValue::try_from(format!("sha256={tag}"));
            headers.insert(SIGNATURE, value.expect("hexadecimal digits are a value"));
        }
        for name in self.headers.keys() {
            headers.remove(name);
        }
        headers.extend(self.headers.clone());
        *request.body_mut() = body.into();
        request
    }
}

/// Headers and secret may be such as nobody should see.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("host", &self.url.host())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

// === impl Actions ===

impl Actions {
    pub(crate) fn and(self, action: Action) -> Self {
        Self(self.0 | 1 << action as u8)
    }

    pub(crate) fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(crate) fn has(self, action: Action) -> bool {
        self.0 & 1 << action as u8 != 0
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Target;

    fn event(action: Action, media_type: Option<&str>) -> Event {
        let target = Target { media_type: media_type.map(str::to_owned), ..Target::default() };
        Event::new(action, target, &Default::default(), &Default::default())
    }

    fn endpoint() -> Endpoint {
        Endpoint::new("hook", Uri::from_static("http://hook.example/events"))
    }

    #[test]
    fn types_and_actions_are_ignored_each_by_itself() {
        let endpoint = Endpoint {
            ignored_media_types: vec!["application/octet-stream".into()],
            ignored_actions: vec![Action::Pull],
            ..endpoint()
        };
        for (action, media_type, wanted) in [
            (Action::Push, Some("application/json"), true),
            (Action::Push, Some("application/octet-stream"), false),
            (Action::Pull, Some("application/json"), false),
            (Action::Delete, None, true),
            (Action::Pull, None, false),
        ] {
            assert_eq!(
                endpoint.wants(&event(action, media_type)),
                wanted,
                "{action:?} {media_type:?}"
            );
        }
    }

    #[test]
    fn requests_are_signed_and_headers_win() {
        let event = event(Action::Push, None);
        let plain = endpoint().request(&event);
        assert_eq!(plain.headers()["content-type"], Schema::V2.media_type());
        assert!(!plain.headers().contains_key(SIGNATURE));

        let mut headers = HeaderMap::new();
        for (name, value) in [("content-type", "text/plain"), ("x-a", "1"), ("x-a", "2")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let secret = Some(b"key".to_vec());
        let signed = Endpoint { headers, secret, ..endpoint() }.request(&event);
        assert_eq!(signed.headers().get_all("content-type").iter().count(), 1);
        assert_eq!(signed.headers()["content-type"], "text/plain");
        assert_eq!(signed.headers().get_all("x-a").iter().count(), 2);
        let tag = hmac::plain(b"key", signed.body());
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signed.headers()[SIGNATURE], format!("sha256={hex}"));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let mut shown = endpoint();
        shown.secret = Some(b"hidden".to_vec());
        shown.url = Uri::from_static("http://user:hidden@hook.example/hidden?token=hidden");
        shown.headers.insert("authorization", HeaderValue::from_static("hidden"));
        assert!(!format!("{shown:?}").contains("hidden"));
    }
}
