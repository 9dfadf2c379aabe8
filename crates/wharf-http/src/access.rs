//! One line in the log for every request, in the combined format of Apache that docker/distribution
//! writes, or as an object of JSON. It never holds a credential or the state of an upload.

use std::{
    borrow::Cow,
    cell::RefCell,
    fmt::Write as _,
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderValue, Uri, Version};
use jiff::Timestamp;
use serde::Serialize;
use wharf_api::Endpoint;

use crate::measure::{Ended, Meter};

/// Puts each request into a line, and hands that over.
///
/// A line is put together where its request ends, in memory of that thread: what it costs is to copy its
/// parts.
pub struct AccessLog<W> {
    format: AccessFormat,
    write: W,
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessFormat {
    /// `127.0.0.1 - user [time] "GET /v2/ HTTP/1.1" 200 2 "referer" "user agent"`.
    #[default]
    Combined,
    /// The same and more, by name.
    Json,
}

/// A line as an object, its names in the order of the alphabet.
#[derive(Serialize)]
struct Object<'a> {
    bytes: u64,
    duration_us: u64,
    method: &'a str,
    protocol: &'static str,
    referer: Cow<'a, str>,
    remote: IpAddr,
    request_id: &'a str,
    status: u16,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    user_agent: Cow<'a, str>,
}

/// The parameters of which the value is not written down.
const SECRET: [&str; 5] = ["_state", "token", "access_token", "refresh_token", "password"];

/// As much as is written of a header.
const LONGEST: usize = 256;

/// As much memory as a thread keeps for lines to come.
const ROOM: usize = 4 << 10;

// === impl AccessLog ===

impl<W: Fn(&str) + Send + Sync + 'static> AccessLog<W> {
    /// Calls `write` with every line, its line feed included.
    pub fn new(format: AccessFormat, write: W) -> Self {
        Self { format, write }
    }
}

impl<W: Fn(&str) + Send + Sync + 'static> Meter for AccessLog<W> {
    fn begun(&self, _: Endpoint) {}

    fn ended(&self, ended: &Ended<'_>) {
        thread_local! {
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        // Whoever takes a line may drop what ends another request.
        let mut line = LINE.take();
        line.clear();
        let now = SystemTime::now();
        match self.format {
            AccessFormat::Combined => combined(&mut line, ended, now),
            AccessFormat::Json => json(&mut line, ended, now),
        }
        line.push('\n');
        (self.write)(&line);
        line.shrink_to(ROOM);
        LINE.set(line);
    }
}

/// The line of a request that ends now; its time is when it began.
fn combined(line: &mut String, ended: &Ended<'_>, now: SystemTime) {
    let begun = now.checked_sub(ended.took).unwrap_or(UNIX_EPOCH);
    push_address(line, ended.remote.ip());
    extend(line, [" - ", ended.subject.unwrap_or("-"), " ["]);
    push_time(line, begun);
    extend(line, [" +0000] \"", ended.method.as_str(), " "]);
    push_uri(line, ended.uri);
    let (mut status, mut sent) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (status, sent) = (status.format(ended.status), sent.format(ended.sent));
    extend(line, [" ", protocol(ended.version), "\" ", status, " ", sent, " \""]);
    extend(line, [&referer(ended.referer), "\" \"", &text(ended.user_agent), "\""]);
}

fn json(line: &mut String, ended: &Ended<'_>, now: SystemTime) {
    let mut uri = String::new();
    push_uri(&mut uri, ended.uri);
    let object = Object {
        bytes: ended.sent,
        duration_us: u64::try_from(ended.took.as_micros()).unwrap_or(u64::MAX),
        method: ended.method.as_str(),
        protocol: protocol(ended.version),
        referer: referer(ended.referer),
        remote: ended.remote.ip(),
        request_id: ended.request_id,
        status: ended.status,
        time: format!("{:.6}", Timestamp::try_from(now).unwrap_or_default()),
        trace_id: ended.parent.map(|parent| parent.trace_id()),
        uri,
        user: ended.subject,
        user_agent: text(ended.user_agent),
    };
    let object = serde_json::to_string(&object);
    line.push_str(&object.expect("texts and numbers are always JSON"));
}

fn extend<const N: usize>(line: &mut String, parts: [&str; N]) {
    parts.into_iter().for_each(|part| line.push_str(part));
}

fn push_address(line: &mut String, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (place, byte) in address.octets().into_iter().enumerate() {
                extend(line, [if place == 0 { "" } else { "." }, itoa::Buffer::new().format(byte)]);
            }
        }
        IpAddr::V6(address) => write!(line, "{address}").expect("a string takes everything"),
    }
}

/// Writes a time, which is put into words once for all requests of a second.
fn push_time(line: &mut String, at: SystemTime) {
    thread_local! {
        static WORDS: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    WORDS.with_borrow_mut(|(second, words)| {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        if *second != since.as_secs() {
            let at = Timestamp::try_from(at).unwrap_or_default();
            *words = at.strftime("%d/%b/%Y:%H:%M:%S").to_string();
            *second = since.as_secs();
        }
        line.push_str(words);
    });
}

/// Writes what is asked for, without what is secret.
fn push_uri(line: &mut String, uri: &Uri) {
    line.push_str(&escape(uri.path()));
    let mut mark = '?';
    for parameter in uri.query().into_iter().flat_map(|query| query.split('&')) {
        line.push(mark);
        line.push_str(&escape(&redact(parameter)));
        mark = '&';
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// Where the client says that it comes from, which may be one of our own URLs.
fn referer(value: Option<&HeaderValue>) -> Cow<'_, str> {
    let referer = text(value);
    match referer.split_once('?') {
        Some((url, query)) => {
            let query: Vec<_> = query.split('&').map(redact).collect();
            format!("{url}?{}", query.join("&")).into()
        }
        None => referer,
    }
}

/// A parameter without its value, if that is secret.
fn redact(parameter: &str) -> Cow<'_, str> {
    match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}=…").into(),
        _ => parameter.into(),
    }
}

/// An encoded name counts as the name.
fn is_secret(name: &str) -> bool {
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// The text of a header, shortened, and without what could end its quotes or its line.
fn text(value: Option<&HeaderValue>) -> Cow<'_, str> {
    let bytes = value.map_or(&[][..], HeaderValue::as_bytes);
    match String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]) {
        Cow::Borrowed(text) => escape(text),
        Cow::Owned(text) => escape(&text).into_owned().into(),
    }
}

fn escape(text: &str) -> Cow<'_, str> {
    let is_usual = |byte: u8| {
        let is_shown = byte.wrapping_sub(b' ') <= b'~' - b' ';
        is_shown & (byte != b'"') & (byte != b'\\')
    };
    // Every byte is looked at, whatever came before: so many can be looked at together.
    if text.bytes().fold(true, |usual, byte| usual & is_usual(byte)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(escaped, "\\x{:02x}", u32::from(character)),
            c if c.is_control() => write!(escaped, "\\x{:02x}", u32::from(c)),
            c => escaped.write_char(c),
        }
        .expect("a string takes everything");
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use http::Method;

    use super::*;
    use crate::Parent;

    fn ended<'a>(uri: &'a Uri, agent: &'a HeaderValue) -> Ended<'a> {
        Ended {
            endpoint: None,
            method: &Method::GET,
            uri,
            version: Version::HTTP_11,
            status: 200,
            received: 0,
            sent: 2,
            took: Duration::from_millis(1500),
            request_id: "id",
            parent: None,
            remote: "127.0.0.1:7".parse().unwrap(),
            subject: Some("me"),
            referer: None,
            user_agent: Some(agent),
        }
    }

    #[test]
    fn a_line_is_in_the_combined_format() {
        let (uri, agent) = (Uri::from_static("/v2/"), HeaderValue::from_static("curl"));
        let ended = ended(&uri, &agent);
        for (second, time) in [
            (2, "01/Jan/1970:00:00:00"),
            (2, "01/Jan/1970:00:00:00"),
            (1_700_000_002, "14/Nov/2023:22:13:20"),
        ] {
            let mut line = String::new();
            combined(&mut line, &ended, UNIX_EPOCH + Duration::from_secs(second));
            let expected =
                format!("127.0.0.1 - me [{time} +0000] \"GET /v2/ HTTP/1.1\" 200 2 \"\" \"curl\"");
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn addresses_are_written_as_everybody_writes_them() {
        for address in
            ["0.0.0.0", "127.0.0.1", "255.100.10.1", "::", "2001:db8::1", "::ffff:1.2.3.4"]
        {
            let mut line = String::new();
            push_address(&mut line, address.parse().unwrap());
            assert_eq!(line, address);
        }
    }

    #[test]
    fn an_object_has_the_names_that_are_documented() {
        let (uri, agent) = (Uri::from_static("/v2/?n=1"), HeaderValue::from_static("a\"b"));
        let parent = Some(Parent { trace: [0xab; 16], span: [1; 8], sampled: true });
        let mut line = String::new();
        json(&mut line, &Ended { parent, ..ended(&uri, &agent) }, UNIX_EPOCH);
        let expected = "{\"bytes\":2,\"duration_us\":1500000,\"method\":\"GET\",\
             \"protocol\":\"HTTP/1.1\",\"referer\":\"\",\"remote\":\"127.0.0.1\",\
             \"request_id\":\"id\",\"status\":200,\"time\":\"1970-01-01T00:00:00.000000Z\",\
             \"trace_id\":\"abababababababababababababababab\",\"uri\":\"/v2/?n=1\",\
             \"user\":\"me\",\"user_agent\":\"a\\\\x22b\"}";
        assert_eq!(line, expected);
        line.clear();
        json(&mut line, &Ended { subject: None, ..ended(&uri, &agent) }, UNIX_EPOCH);
        assert!(!line.contains("\"user\"") && !line.contains("trace_id"), "{line}");
    }

    #[test]
    fn every_request_is_one_line() {
        let lines = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&lines);
        let log = AccessLog::new(AccessFormat::Combined, move |line: &str| {
            sink.lock().unwrap().push_str(line);
        });
        let (uri, agent) = (Uri::from_static("/v2/a"), HeaderValue::from_static("x"));
        (0..3).for_each(|_| log.ended(&ended(&uri, &agent)));
        let lines = lines.lock().unwrap().clone();
        assert_eq!(lines.lines().filter(|line| line.contains("GET /v2/a ")).count(), 3, "{lines}");
        assert!(lines.ends_with("\"x\"\n"));
    }

    #[test]
    fn states_and_quotes_do_not_reach_the_log() {
        let check = |uri: &'static str, expected: &str| {
            let mut line = String::new();
            push_uri(&mut line, &Uri::from_static(uri));
            assert_eq!(line, expected);
        };
        check(
            "/v2/a/blobs/uploads/u?_state=12.secret&%5Fstate=s2&digest=d",
            "/v2/a/blobs/uploads/u?_state=…&%5Fstate=…&digest=d",
        );
        check("/v2/?", "/v2/?");
        check("/v2/", "/v2/");
        let from = HeaderValue::from_static("http://x/v2/a?_state=1.secret&n=1");
        assert_eq!(referer(Some(&from)), "http://x/v2/a?_state=…&n=1");
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
        assert_eq!(text(Some(&value(b"a\"b\\c\td"))), "a\\x22b\\x5cc\\x09d");
        assert_eq!(text(Some(&value("é".as_bytes()))), "é");
        assert_eq!(text(Some(&value(b"\xff\""))), "\u{fffd}\\x22");
        assert_eq!(text(Some(&value(&[b'x'; 300]))).len(), LONGEST);
        assert_eq!(text(None), "");
    }
}
