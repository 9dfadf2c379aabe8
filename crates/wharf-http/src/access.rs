//! One line in the log for every request, in the combined format of Apache that docker/distribution
//! writes, with the same as fields for who wants them. It never holds a credential or the state of an upload.

use std::{
    borrow::Cow,
    cell::RefCell,
    fmt::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::Instant,
};

use http::{HeaderMap, HeaderName, Method, Version, header, request::Parts};
use jiff::Timestamp;

use crate::body::Witness;

/// What is known of a request before it is answered, and its line in the end.
pub(crate) struct Record {
    request_id: Arc<str>,
    remote: SocketAddr,
    begun: Instant,
    at: Timestamp,
    method: Method,
    /// Path and query.
    uri: String,
    protocol: &'static str,
    referer: String,
    user_agent: String,
    pub(crate) subject: Option<Arc<str>>,
    pub(crate) status: u16,
    bytes: u64,
}

/// The target of these lines.
const TARGET: &str = "wharf::access";

/// The parameters of which the value is not written down.
const SECRET: [&str; 5] = ["_state", "token", "access_token", "refresh_token", "password"];

// === impl Record ===

impl Record {
    /// A record of this request, `None` if nobody reads it.
    pub(crate) fn begin(
        parts: &Parts,
        request_id: &Arc<str>,
        remote: SocketAddr,
    ) -> Option<Box<Self>> {
        tracing::enabled!(target: TARGET, tracing::Level::INFO).then(|| {
            Box::new(Self {
                request_id: Arc::clone(request_id),
                remote,
                begun: Instant::now(),
                at: Timestamp::now(),
                method: parts.method.clone(),
                uri: uri(parts),
                protocol: protocol(parts.version),
                referer: referer(&parts.headers),
                user_agent: text(&parts.headers, &header::USER_AGENT),
                subject: None,
                // Until there is an answer, this is a client that did not wait for it.
                status: 499,
                bytes: 0,
            })
        })
    }
}

impl Witness for Record {
    fn taken(&mut self, bytes: u64) {
        self.bytes += bytes;
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject.as_deref().unwrap_or("-");
        write!(f, "{} - {subject} [", self.remote.ip())?;
        write_time(f, self.at)?;
        let method = self.method.as_str();
        for part in ["] \"", method, " ", &self.uri, " ", self.protocol, "\" "] {
            f.write_str(part)?;
        }
        write!(f, "{} {}", self.status, self.bytes)?;
        for part in [" \"", &self.referer, "\" \"", &self.user_agent, "\""] {
            f.write_str(part)?;
        }
        Ok(())
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        tracing::info!(
            target: TARGET,
            request_id = &*self.request_id,
            duration_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            remote = %self.remote.ip(),
            user = self.subject.as_deref(),
            method = self.method.as_str(),
            uri = self.uri,
            protocol = self.protocol,
            status = self.status,
            bytes = self.bytes,
            referer = self.referer,
            user_agent = self.user_agent,
            "{self}"
        );
    }
}

/// Writes a time, which is put into words once for all requests of a second.
fn write_time(f: &mut fmt::Formatter<'_>, at: Timestamp) -> fmt::Result {
    thread_local! {
        static WORDS: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    WORDS.with_borrow_mut(|(second, words)| {
        if *second != at.as_second() {
            *words = at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
            *second = at.as_second();
        }
        f.write_str(words)
    })
}

/// What is asked for, without what is secret.
fn uri(parts: &Parts) -> String {
    let path = escape(parts.uri.path());
    let query = parts.uri.query().map(redact);
    let (mark, query) = query.as_deref().map_or(("", ""), |query| ("?", query));
    format!("{path}{mark}{}", escape(query))
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// Where the client says that it comes from, which may be one of our own URLs.
fn referer(headers: &HeaderMap) -> String {
    let referer = text(headers, &header::REFERER);
    match referer.split_once('?') {
        Some((url, query)) => format!("{url}?{}", redact(query)),
        None => referer,
    }
}

/// The query without the values of secret parameters.
fn redact(query: &str) -> String {
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => Cow::Owned(format!("{name}=…")),
        _ => Cow::Borrowed(parameter),
    });
    parameters.collect::<Vec<_>>().join("&")
}

/// An encoded name counts as the name.
fn is_secret(name: &str) -> bool {
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// The text of a header, shortened, and without what could end its quotes or its line.
fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).map_or(&[][..], |value| value.as_bytes());
    escape(&String::from_utf8_lossy(&value[..value.len().min(256)])).into_owned()
}

fn escape(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            c if plain(c) => escaped.push(c),
            c => write!(escaped, "\\x{:02x}", u32::from(c)).expect("a string takes everything"),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_line_is_in_the_combined_format() {
        let line = |second: i64| {
            Record {
                request_id: "id".into(),
                remote: "127.0.0.1:7".parse().unwrap(),
                begun: Instant::now(),
                at: Timestamp::from_second(second).unwrap(),
                method: Method::GET,
                uri: "/v2/".to_owned(),
                protocol: "HTTP/1.1",
                referer: String::new(),
                user_agent: "curl".to_owned(),
                subject: Some("me".into()),
                status: 200,
                bytes: 2,
            }
            .to_string()
        };
        for (second, time) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (0, "01/Jan/1970:00:00:00 +0000"),
            (1_700_000_001, "14/Nov/2023:22:13:21 +0000"),
        ] {
            let expected =
                format!("127.0.0.1 - me [{time}] \"GET /v2/ HTTP/1.1\" 200 2 \"\" \"curl\"");
            assert_eq!(line(second), expected);
        }
    }

    #[test]
    fn states_and_quotes_do_not_reach_the_log() {
        let request = Request::patch("/v2/a/blobs/uploads/u?_state=12.secret&%5Fstate=s2&digest=d")
            .header("authorization", "Basic secret")
            .header("user-agent", "a\"b")
            .header("referer", "http://x/v2/a?_state=1.secret&n=1")
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        assert_eq!(referer(&parts.headers), "http://x/v2/a?_state=…&n=1");
        assert_eq!(uri(&parts), "/v2/a/blobs/uploads/u?_state=…&%5Fstate=…&digest=d");
        assert_eq!(text(&parts.headers, &header::USER_AGENT), "a\\x22b");
    }
}
