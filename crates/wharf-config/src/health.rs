//! `health`: what has to be well for anything to be served.

use std::{path::PathBuf, time::Duration};

use crate::{
    Address, ConfigError, Header,
    http::headers,
    section::{Found, Scalar, Section},
};

/// What has to be well for anything to be served.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// `serve`: a check that fails shows on the page of health only.
    pub serve: bool,
    /// `storagedriver`, if that is enabled.
    pub store: Option<StoreCheck>,
    /// `file`.
    pub files: Vec<FileCheck>,
    /// `http`.
    pub http: Vec<HttpCheck>,
    /// `tcp`.
    pub tcp: Vec<TcpCheck>,
}

/// The store has to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreCheck {
    /// How often is looked.
    pub interval: Duration,
    /// How often in a row it may fail.
    pub threshold: u32,
}

/// A file must not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCheck {
    /// Which.
    pub file: PathBuf,
    /// How often is looked.
    pub interval: Duration,
    /// How often in a row it may fail.
    pub threshold: u32,
}

/// A URL has to answer `HEAD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// Which.
    pub uri: String,
    /// What is sent with the request.
    pub headers: Vec<Header>,
    /// What it has to answer.
    pub status: u16,
    /// How long that may take.
    pub timeout: Duration,
    /// How often is looked.
    pub interval: Duration,
    /// How often in a row it may fail.
    pub threshold: u32,
}

/// An address has to take connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpCheck {
    /// Which.
    pub address: Address,
    /// How long that may take.
    pub timeout: Duration,
    /// How often is looked.
    pub interval: Duration,
    /// How often in a row it may fail.
    pub threshold: u32,
}

struct WebUrl(String);
struct Status(u16);

const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);

/// A bare number is nanoseconds: a `10` without its `s` would look all the time.
const SHORTEST: Duration = Duration::from_millis(10);

// === impl Health ===

impl Health {
    pub(crate) fn read(health: &Section<'_>) -> Result<Self, ConfigError> {
        let store = health.section("storagedriver")?;
        let enabled = store.flag("enabled")?;
        let store = StoreCheck { interval: interval(&store)?, threshold: threshold(&store)? };
        Ok(Self {
            serve: health.flag("serve")?,
            store: enabled.then_some(store),
            files: each(health, "file", FileCheck::read)?,
            http: each(health, "http", HttpCheck::read)?,
            tcp: each(health, "tcp", TcpCheck::read)?,
        })
    }
}

fn each<T>(
    health: &Section<'_>,
    key: &str,
    read: fn(&Section<'_>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    health.items(key)?.iter().map(|item| read(&item.section()?)).collect()
}

fn interval(section: &Section<'_>) -> Result<Duration, ConfigError> {
    time(section, "interval", INTERVAL)
}

/// A time, of which none at all is the usual one, as in the original.
fn time(section: &Section<'_>, key: &str, usual: Duration) -> Result<Duration, ConfigError> {
    match section.value::<Duration>(key)? {
        None | Some(Duration::ZERO) => Ok(usual),
        Some(_) => section.time(key, usual, SHORTEST),
    }
}

/// None at all, and 0, mean the first failure.
fn threshold(section: &Section<'_>) -> Result<u32, ConfigError> {
    Ok(section.value_or("threshold", 1)?.max(1))
}

fn needed<T: Scalar>(section: &Section<'_>, key: &str) -> Result<T, ConfigError> {
    let found = section.find(key).filter(Found::is_set);
    found.ok_or_else(|| section.missing(key))?.scalar()
}

// === impl FileCheck ===

impl FileCheck {
    fn read(check: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            file: needed(check, "file")?,
            interval: interval(check)?,
            threshold: threshold(check)?,
        })
    }
}

// === impl HttpCheck ===

impl HttpCheck {
    fn read(check: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            uri: needed::<WebUrl>(check, "uri")?.0,
            headers: headers(check)?,
            status: check.value_or("statuscode", Status(200))?.0,
            timeout: time(check, "timeout", TIMEOUT)?,
            interval: interval(check)?,
            threshold: threshold(check)?,
        })
    }
}

// === impl TcpCheck ===

impl TcpCheck {
    fn read(check: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            address: needed(check, "addr")?,
            timeout: time(check, "timeout", TIMEOUT)?,
            interval: interval(check)?,
            threshold: threshold(check)?,
        })
    }
}

// === impl WebUrl ===

impl Scalar for WebUrl {
    const EXPECTED: &'static str = "a URL that begins with http:// or https://";

    fn read(text: &str) -> Option<Self> {
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
        let is_url = !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic());
        is_url.then(|| Self(text.to_owned()))
    }
}

// === impl Status ===

impl Scalar for Status {
    const EXPECTED: &'static str = "a status of HTTP, 100 to 599";

    fn read(text: &str) -> Option<Self> {
        match text.parse().ok()? {
            0 => Some(Self(200)),
            status @ 100..=599 => Some(Self(status)),
            _ => None,
        }
    }
}
