//! The URLs that a client is sent to.
//!
//! A client that came through proxies has to be answered with the address that *it* used. That is
//! `http.host` if it is configured; or else what `Forwarded`, then `X-Forwarded-Proto` and
//! `X-Forwarded-Host`, then the connection and `Host` say; only a proxy that is trusted may say the
//! former. All of them come from outside: a name that could not be a host is never repeated, the
//! answer is a plain path then.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::{Options, listener::NOWHERE};

/// Builds URLs of the API.
pub(crate) struct Links {
    /// `http.host`, without the slash at its end.
    host: Option<String>,
    /// Empty, or a path with a slash at its start and none at its end.
    prefix: String,
    relative: bool,
    /// `None` for anybody.
    trusted: Option<Vec<IpNet>>,
}

/// How a client came to us.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    /// Of the connection.
    pub(crate) scheme: &'static str,
    /// The client, or the last proxy.
    pub(crate) remote: SocketAddr,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) authority: Option<&'a str>,
}

/// What the proxies say about the request as the client made it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Forwarded {
    scheme: Option<&'static str>,
    host: Option<String>,
}

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The longest host, port included, that is repeated in a URL.
const LONGEST_HOST: usize = 255 + 6;

// === impl Links ===

impl Links {
    pub(crate) fn new(options: &Options) -> Self {
        let host = options.host.as_deref().map(|host| host.trim_end_matches('/').to_owned());
        let prefix = options.prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let host = host.filter(|host| !host.is_empty());
        let trusted = options.trusted_proxies.clone();
        Self { host, prefix, relative: options.relative_urls, trusted }
    }

    /// The path below the prefix, `None` if the request is for another part of the host.
    pub(crate) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.prefix.as_str()).filter(|rest| rest.starts_with('/'))
    }

    /// A path of the API as the client sees it.
    pub(crate) fn relative(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The URL of a path of the host, which is none of the API's; a path where no host is known.
    pub(crate) fn on_host(&self, path: &str, way: Way<'_>) -> String {
        let configured = self.host.as_deref().and_then(|host| {
            let (scheme, rest) = host.split_once("://")?;
            Some(format!("{scheme}://{}", rest.split('/').next()?))
        });
        let base = configured.or_else(|| self.base(way)).unwrap_or_default();
        format!("{base}{path}")
    }

    /// The URL of a path of the API, for a client that came this way.
    pub(crate) fn absolute(&self, path: &str, way: Way<'_>) -> String {
        if let Some(host) = &self.host {
            return format!("{host}{path}");
        }
        match self.base(way).filter(|_| !self.relative) {
            Some(base) => format!("{base}{}{path}", self.prefix),
            None => self.relative(path),
        }
    }

    /// Scheme and host as the client sees them, `None` if nothing usable was said.
    fn base(&self, way: Way<'_>) -> Option<String> {
        let forwarded = match self.trusts(way.remote) {
            true => Forwarded::of(way.headers),
            false => Forwarded::default(),
        };
        let named = way.authority.or_else(|| text(way.headers, &header::HOST));
        let host = forwarded.host.as_deref().or(named).filter(|host| is_host(host))?;
        Some(format!("{}://{host}", forwarded.scheme.unwrap_or(way.scheme)))
    }

    /// Whether a proxy may say where its client believes to be.
    pub(crate) fn trusts(&self, remote: SocketAddr) -> bool {
        let address = remote.ip().to_canonical();
        let networks = self.trusted.as_ref();
        remote == NOWHERE
            || networks.is_none_or(|networks| networks.iter().any(|net| net.contains(&address)))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The first entry of a comma-separated header: the proxy that is nearest to the client.
fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let entry = text(headers, name)?.split(',').next()?.trim();
    (!entry.is_empty()).then_some(entry)
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| scheme.eq_ignore_ascii_case(text))
}

/// Whether the text is a host name, an IPv4 address or a bracketed IPv6 address, with or without a
/// port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => !host.is_empty() && host.bytes().all(address),
        None => !host.is_empty() && host.bytes().all(name),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => {
            (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        }
        None => port.is_empty(),
    };
    text.len() <= LONGEST_HOST && host && port
}

// === impl Forwarded ===

impl Forwarded {
    fn of(headers: &HeaderMap) -> Self {
        match text(headers, &header::FORWARDED) {
            Some(forwarded) => Self::parse(forwarded),
            None => Self {
                scheme: first(headers, &FORWARDED_PROTO).and_then(scheme),
                host: first(headers, &FORWARDED_HOST).map(str::to_owned),
            },
        }
    }

    /// The first element of a `Forwarded` header (RFC 7239): `for=…;proto=https;host="a:5000", …`.
    /// What does not follow the grammar ends it.
    fn parse(text: &str) -> Self {
        let mut forwarded = Self::default();
        let mut rest = text;
        while let Some((name, value, tail)) = pair(rest) {
            match name.to_ascii_lowercase().as_str() {
                "proto" => forwarded.scheme = scheme(&value),
                "host" => forwarded.host = Some(value),
                _ => {}
            }
            let Some(next) = tail.strip_prefix(';') else { break };
            rest = next;
        }
        forwarded
    }
}

/// Takes one `name=value` or `name="value"` off the front.
pub(crate) fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    let name = name.trim();
    if name.is_empty() || name.contains([',', ';', '"']) {
        return None;
    }
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => {
            let (value, rest) = rest.split_at(rest.find([',', ';']).unwrap_or(rest.len()));
            (value.trim().to_owned(), rest)
        }
    };
    Some((name, value, rest.trim_start()))
}

/// Reads up to the closing quote, which is behind the text that is returned.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn links(host: Option<&str>, prefix: &str, relative_urls: bool) -> Links {
        let host = host.map(str::to_owned);
        Links::new(&Options { host, prefix: prefix.into(), relative_urls, ..Options::default() })
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
        pairs.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect()
    }

    fn plain(headers: &HeaderMap) -> Way<'_> {
        let remote = SocketAddr::from(([192, 0, 2, 1], 1234));
        Way { scheme: "http", remote, headers, authority: None }
    }

    #[track_caller]
    fn check(pairs: &[(&'static str, &str)], expected: &str) {
        let headers = headers(pairs);
        assert_eq!(links(None, "", false).absolute("/v2/", plain(&headers)), expected);
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let networks = ["10.0.0.0/8", "::1/128"].map(|text| text.parse().unwrap()).into();
        let trusted_proxies = Some(networks);
        let links = Links::new(&Options { trusted_proxies, ..Options::default() });
        let headers = headers(&[("host", "inner"), ("x-forwarded-proto", "https")]);
        let url = |remote: &str| {
            links.absolute("/v2/", Way { remote: remote.parse().unwrap(), ..plain(&headers) })
        };
        for near in ["10.1.2.3:80", "[::1]:80", "[::ffff:10.0.0.1]:80", "0.0.0.0:0"] {
            assert_eq!(url(near), "https://inner/v2/", "{near}");
        }
        for far in ["192.0.2.1:80", "11.0.0.1:80", "[2001:db8::1]:80", "127.0.0.1:80"] {
            assert_eq!(url(far), "http://inner/v2/", "{far}");
        }
    }

    #[test]
    fn the_nearest_proxy_to_the_client_wins() {
        let host = ("host", "inner:5000");
        check(&[host], "http://inner:5000/v2/");
        check(&[host, ("x-forwarded-proto", "https")], "https://inner:5000/v2/");
        check(&[host, ("x-forwarded-proto", "https, http")], "https://inner:5000/v2/");
        check(&[host, ("x-forwarded-host", "a.example, b")], "http://a.example/v2/");
        let proxy = ("x-forwarded-host", "b.example");
        check(&[host, proxy, ("forwarded", "host=c;proto=https")], "https://c/v2/");
        check(&[host, proxy, ("forwarded", "for=1.2.3.4, host=d")], "http://inner:5000/v2/");
        check(&[host, ("forwarded", r#"For="[::1]";Proto=HTTPS;Host="c:80""#)], "https://c:80/v2/");
        check(&[host, ("forwarded", "proto=gopher")], "http://inner:5000/v2/");
        check(&[("host", "[::1]:5000")], "http://[::1]:5000/v2/");
    }

    #[test]
    fn a_secure_connection_counts_unless_a_proxy_says_otherwise() {
        let url = |pairs| {
            let headers = headers(pairs);
            links(None, "", false).absolute("/v2/", Way { scheme: "https", ..plain(&headers) })
        };
        assert_eq!(url(&[("host", "a:5000")]), "https://a:5000/v2/");
        assert_eq!(url(&[("host", "a"), ("x-forwarded-host", "b")]), "https://b/v2/");
        assert_eq!(url(&[("host", "a"), ("x-forwarded-proto", "http")]), "http://a/v2/");
    }

    #[test]
    fn what_is_no_host_is_not_repeated() {
        check(&[], "/v2/");
        for bad in ["", "a b", "a/b", "a@b", "a:b", "a:123456", "[::1", "[x]", "a?b", "a#", "%41"] {
            check(&[("host", bad)], "/v2/");
            check(&[("host", "good"), ("forwarded", &format!("host=\"{bad}\""))], "/v2/");
        }
        check(&[("host", &"a".repeat(300))], "/v2/");
        check(&[("host", "good"), ("x-forwarded-host", "ba d")], "/v2/");
    }

    #[test]
    fn configuration_wins_over_the_request() {
        let request = headers(&[("host", "inner")]);
        let way = Way { authority: Some("authority:1"), ..plain(&request) };
        let url = |links: Links| links.absolute("/v2/", way);
        assert_eq!(url(links(Some("https://r.example/"), "", true)), "https://r.example/v2/");
        assert_eq!(url(links(None, "/reg/", true)), "/reg/v2/");
        assert_eq!(url(links(None, "reg", false)), "http://authority:1/reg/v2/");
    }

    #[test]
    fn the_prefix_is_a_whole_component() {
        assert_eq!(links(None, "/reg/", false).strip("/reg/v2/"), Some("/v2/"));
        assert_eq!(links(None, "/reg/", false).strip("/regv2/"), None);
        assert_eq!(links(None, "/", false).strip("/v2/"), Some("/v2/"));
        assert_eq!(links(None, "", false).strip("*"), None);
    }

    proptest! {
        #[test]
        fn nothing_breaks_out_of_a_url(host in "[ -~]*", forwarded in "[ -~]*") {
            let request = headers(&[("host", &host), ("forwarded", &forwarded)]);
            let url = links(None, "", false).absolute("/v2/", plain(&request));
            let authority = url.strip_suffix("/v2/").unwrap();
            prop_assert!(authority.is_empty() || authority.parse::<http::Uri>().is_ok());
        }
    }
}
