//! `http`: where and how the registry is served.

use std::{fmt, num::NonZeroU64, path::PathBuf, str::FromStr, time::Duration};

use crate::{
    ClientLimits, ConfigError, Debug, Secret, Tls, TrustedProxies, listen,
    section::{Scalar, Section},
};

/// Where and how the registry is served.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// `http.addr`, if that is a port.
    pub address: Address,
    /// `http.addr`, if `http.net` is `unix`: the socket file in place of a port.
    pub socket: Option<PathBuf>,
    /// `http.trustedproxies`.
    pub trusted_proxies: TrustedProxies,
    /// `http.host`: the URL that clients know it by, without a slash at its end.
    pub host: Option<String>,
    /// `http.prefix`: what stands before `/v2/`; begins and ends with a slash.
    pub prefix: String,
    /// `http.secret`: signs the state of uploads; shared by all that serve the same store.
    pub secret: Option<Secret>,
    /// `http.relativeurls`: locations without scheme and host.
    pub relative_urls: bool,
    /// `http.draintimeout`: how long requests may go on once the end was asked for.
    pub drain_timeout: Duration,
    /// `http.tls`: `None` for connections that everybody on their way can read and change.
    pub tls: Option<Tls>,
    /// `http.headers`: stand on every answer.
    pub headers: Vec<Header>,
    /// Not `http.http2.disabled`: HTTP/2 where the client can agree on it.
    pub http2: bool,
    /// `http.h2c.enabled`: HTTP/2 without TLS.
    pub h2c: bool,
    /// `http.debug`: `None` for no pages of numbers and health.
    pub debug: Option<Debug>,
    /// `http.limits`.
    pub limits: Limits,
}

/// A host, empty for all addresses of this machine, and a port, 0 for any that is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// A header with one of its values; both are well formed. The value may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// One value.
    pub value: String,
}

/// How much patience a client is given, and how much it may send at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `headertimeout`: a request's headers must arrive within this time.
    pub header_timeout: Duration,
    /// `idletimeout`: a connection without a request is closed after it.
    pub idle_timeout: Duration,
    /// `stalltimeout`: a body that makes no progress for so long is given up.
    pub stall_timeout: Duration,
    /// `headersize`: the longest line and headers of a request, in bytes; at least 8192.
    pub header_size: NonZeroU64,
    /// `manifestsize`: the largest manifest, in bytes.
    pub manifest_size: NonZeroU64,
    /// `readmemory`: what all readers of files may hold together, in bytes.
    pub read_memory: NonZeroU64,
    /// How much clients may take up.
    pub clients: ClientLimits,
}

struct Url(String);
struct Prefix(String);
struct Name(String);
struct HeaderValue(String);

// === impl Http ===

impl Http {
    /// Shorter than what containers are given to end (10 s by docker, 30 s by kubernetes) would cut
    /// off what could have been finished; longer is never seen.
    const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

    pub(crate) fn read(http: &Section<'_>) -> Result<Self, ConfigError> {
        let socket = listen::socket(http)?;
        let address = if socket.is_none() { http.value("addr")? } else { None };
        Ok(Self {
            address: address.unwrap_or_default(),
            socket,
            trusted_proxies: TrustedProxies::read(http)?,
            host: http.value("host")?.and_then(|Url(url)| (!url.is_empty()).then_some(url)),
            prefix: http.value_or("prefix", Prefix("/".to_owned()))?.0,
            secret: http.value("secret")?.filter(|secret: &Secret| !secret.reveal().is_empty()),
            relative_urls: http.flag("relativeurls")?,
            drain_timeout: http.value_or("draintimeout", Self::DRAIN_TIMEOUT)?,
            tls: Tls::read(&http.section("tls")?)?,
            headers: headers(http)?,
            http2: !http.section("http2")?.flag("disabled")?,
            h2c: http.section("h2c")?.flag("enabled")?,
            debug: Debug::read(&http.section("debug")?)?,
            limits: Limits::read(&http.section("limits")?)?,
        })
    }
}

pub(crate) fn headers(http: &Section<'_>) -> Result<Vec<Header>, ConfigError> {
    let mut headers = Vec::new();
    for (name, values) in http.made_up("headers")? {
        let Some(Name(name)) = Name::read(name) else {
            return Err(values.error("not a name of a header"));
        };
        for value in values.items()? {
            let HeaderValue(value) = value.scalar()?;
            headers.push(Header { name: name.clone(), value });
        }
    }
    Ok(headers)
}

// === impl Header ===

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("name", &self.name).finish_non_exhaustive()
    }
}

// === impl Limits ===

/// HTTP servers cannot do with less.
const LEAST_HEADER: NonZeroU64 = kibibytes(8);

const fn kibibytes(count: u32) -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(count as u64 * 1024 - 1)
}

impl Limits {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        // A bare number is nanoseconds: a `30` without its `s` would shut out everybody.
        const SHORTEST: Duration = Duration::from_millis(1);

        let default = Self::default();
        Ok(Self {
            header_timeout: section.time("headertimeout", default.header_timeout, SHORTEST)?,
            idle_timeout: section.time("idletimeout", default.idle_timeout, SHORTEST)?,
            stall_timeout: section.time("stalltimeout", default.stall_timeout, SHORTEST)?,
            header_size: section.value_or("headersize", default.header_size)?.max(LEAST_HEADER),
            manifest_size: section.value_or("manifestsize", default.manifest_size)?,
            read_memory: section.value_or("readmemory", default.read_memory)?,
            clients: ClientLimits::read(section)?,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(60),
            header_size: kibibytes(64),
            manifest_size: kibibytes(4 * 1024),
            read_memory: kibibytes(64 * 1024),
            clients: ClientLimits::default(),
        }
    }
}

// === impl Address ===

impl Default for Address {
    /// Port 5000 of this machine, for this machine.
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 5000 }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text).ok_or_else(|| format!("expected {}", Self::EXPECTED))
    }
}

impl Scalar for Address {
    const EXPECTED: &'static str = "an address such as :5000, 127.0.0.1:5000 or [::1]:5000";

    fn read(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(host) => host.strip_suffix(']').filter(|host| host.contains(':'))?,
            None => host,
        };
        let bracketed = text.starts_with('[');
        let well_formed = host.bytes().all(|b| {
            b.is_ascii_alphanumeric() || b"._-".contains(&b) || bracketed && b":%".contains(&b)
        });
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        (well_formed && digits)
            .then(|| Some(Self { host: host.to_owned(), port: port.parse().ok()? }))
            .flatten()
    }
}

// === impl Url ===

impl Scalar for Url {
    const EXPECTED: &'static str = "a URL such as https://registry.example.com";

    fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(String::new()));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let authority = rest.split('/').next()?;
        let well_formed = !authority.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\\"<>@".contains(&byte));
        well_formed.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

// === impl Prefix ===

impl Scalar for Prefix {
    const EXPECTED: &'static str = "a path that begins with a slash, such as /registry/";

    fn read(text: &str) -> Option<Self> {
        let well_formed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._~-".contains(&b))
            && (text.is_empty() || text.starts_with('/'))
            && !text.contains("//")
            && !text.split('/').any(|part| matches!(part, "." | ".."));
        let prefix = format!("{}/", text.trim_end_matches('/'));
        well_formed.then_some(Self(prefix))
    }
}

// === impl Name ===

impl Scalar for Name {
    const EXPECTED: &'static str = "a name of a header";

    fn read(text: &str) -> Option<Self> {
        let well_formed = !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        well_formed.then(|| Self(text.to_owned()))
    }
}

// === impl HeaderValue ===

impl Scalar for HeaderValue {
    const EXPECTED: &'static str = "a text on one line";

    fn read(text: &str) -> Option<Self> {
        let well_formed = text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        well_formed.then(|| Self(text.to_owned()))
    }
}
