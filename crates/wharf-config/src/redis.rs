//! `redis`: a cache that several servers share.

use std::{path::PathBuf, time::Duration};

use crate::{
    ConfigError, Secret,
    schema::{Key, address, flag, number, path, section, text, time as duration},
    section::{Found, Scalar, Section},
};

/// Where redis is, and how long it is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// `addrs`, or `addr`: of one server, of sentinels if there is a `mastername`, or else of the nodes of
    /// a cluster. There is at least one.
    pub addresses: Vec<String>,
    /// `mastername`: what sentinels call the server.
    pub master_name: Option<String>,
    /// `db`.
    pub db: u32,
    /// `username`.
    pub username: Option<String>,
    /// `password`.
    pub password: Option<Secret>,
    /// `sentinelusername`.
    pub sentinel_username: Option<String>,
    /// `sentinelpassword`.
    pub sentinel_password: Option<Secret>,
    /// `dialtimeout`, if it is given.
    pub dial_timeout: Option<Duration>,
    /// `readtimeout`, if it is given.
    pub read_timeout: Option<Duration>,
    /// `writetimeout`, if it is given.
    pub write_timeout: Option<Duration>,
    /// `tls`, if any of it is given.
    pub tls: Option<RedisTls>,
}

/// `redis.tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisTls {
    /// `certificate` and `key`, by which we prove who we are.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `rootcas`: who vouches for redis, instead of those whom the system trusts.
    pub root_cas: Vec<PathBuf>,
}

struct Address(String);

const NO_POOL: &str = "one connection carries everything, and is made anew when it is lost";
const NO_RETRY: &str = "what redis does not answer at once is asked of the store";
const NO_ROUTE: &str = "a cluster is asked where a key is kept";
const NO_NAME: &str = "redis is not told who we are";
const NO_PROTOCOL: &str = "the second version of the protocol says all there is to say";

pub(crate) const KEYS: &[Key] = &[
    address("addrs", "A server; several are nodes of a cluster, or sentinels.").list(),
    address("addr", "What `addrs` was once called.").version_2(),
    number("db", "The number of the database.").or("0"),
    text("username", "Who the registry is to redis."),
    text("password", "Its proof.").secret(),
    text("mastername", "What sentinels, at `addrs`, call the server."),
    text("sentinelusername", "Who the registry is to the sentinels."),
    text("sentinelpassword", "Its proof.").secret(),
    duration("dialtimeout", "How long a connection may take; 2s if not given."),
    duration("readtimeout", "How long an answer may take; 500ms if nothing is given."),
    duration("writetimeout", "Added to `readtimeout`."),
    section("tls", TLS).doc("TLS to redis, if any of it is given."),
    none("clientname", NO_NAME),
    none("protocol", NO_PROTOCOL),
    none("unstableresp3", NO_PROTOCOL),
    none("maxretries", NO_RETRY),
    none("minretrybackoff", NO_RETRY),
    none("maxretrybackoff", NO_RETRY),
    none("contexttimeoutenabled", "every wait has a limit"),
    none("poolfifo", NO_POOL),
    none("poolsize", NO_POOL),
    none("pooltimeout", NO_POOL),
    none("minidleconns", NO_POOL),
    none("maxidleconns", NO_POOL),
    none("maxactiveconns", NO_POOL),
    none("connmaxidletime", NO_POOL),
    none("connmaxlifetime", NO_POOL),
    none("maxredirects", NO_ROUTE),
    none("readonly", NO_ROUTE),
    none("routebylatency", NO_ROUTE),
    none("routerandomly", NO_ROUTE),
    none("disableidentity", NO_NAME),
    none("identitysuffix", NO_NAME),
    section(
        "pool",
        &[none("maxidle", NO_POOL), none("maxactive", NO_POOL), none("idletimeout", NO_POOL)],
    )
    .ignored(NO_POOL)
    .version_2()
    .doc("How many connections there were."),
];

const TLS: &[Key] = &[
    path("certificate", "By which the registry proves who it is."),
    path("key", "The key of the certificate."),
    path("rootcas", "Who vouches for redis, instead of those whom the system trusts.").list(),
    flag("enabled", "TLS without any of these.").version_2(),
];

/// A key of the original's client that ours has no use for.
const fn none(name: &'static str, why: &'static str) -> Key {
    text(name, "Part of the client of the original.").ignored(why)
}

/// A bare number is nanoseconds: a `3` without its `s` would never do.
const SHORTEST: Duration = Duration::from_millis(1);

// === impl Redis ===

impl Redis {
    /// The section, if it has an address.
    pub(crate) fn read(redis: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        let one = redis.find("addr").filter(Found::is_set);
        let mut addresses = Vec::new();
        for found in one.into_iter().chain(redis.items("addrs")?) {
            addresses.push(found.scalar::<Address>()?.0);
        }
        let read = Self {
            addresses,
            master_name: word(redis, "mastername")?,
            db: redis.value_or("db", 0)?,
            username: word(redis, "username")?,
            password: secret(redis, "password")?,
            sentinel_username: word(redis, "sentinelusername")?,
            sentinel_password: secret(redis, "sentinelpassword")?,
            dial_timeout: time(redis, "dialtimeout")?,
            read_timeout: time(redis, "readtimeout")?,
            write_timeout: time(redis, "writetimeout")?,
            tls: RedisTls::read(&redis.section("tls")?)?,
        };
        Ok((!read.addresses.is_empty()).then_some(read))
    }
}

fn word(section: &Section<'_>, key: &str) -> Result<Option<String>, ConfigError> {
    Ok(section.value::<String>(key)?.filter(|text| !text.is_empty()))
}

fn secret(section: &Section<'_>, key: &str) -> Result<Option<Secret>, ConfigError> {
    Ok(section.value::<Secret>(key)?.filter(|secret| !secret.reveal().is_empty()))
}

/// A time, of which none at all is the usual one, as in the original.
fn time(section: &Section<'_>, key: &str) -> Result<Option<Duration>, ConfigError> {
    match section.value::<Duration>(key)? {
        None | Some(Duration::ZERO) => Ok(None),
        Some(_) => section.time(key, SHORTEST, SHORTEST).map(Some),
    }
}

// === impl RedisTls ===

impl RedisTls {
    fn read(tls: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        let certificate = tls.value::<PathBuf>("certificate")?;
        let identity = match (certificate, tls.value::<PathBuf>("key")?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(tls.missing("key")),
            (None, Some(_)) => return Err(tls.missing("certificate")),
        };
        let root_cas = tls.items("rootcas")?;
        let root_cas = root_cas.iter().map(Found::scalar).collect::<Result<Vec<_>, _>>()?;
        let wanted = tls.flag("enabled")? || identity.is_some() || !root_cas.is_empty();
        Ok(wanted.then_some(Self { identity, root_cas }))
    }
}

// === impl Address ===

impl Scalar for Address {
    const EXPECTED: &'static str = "HOST:PORT";

    fn read(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"._-[]:%".contains(&byte);
        let well_formed = host.bytes().all(is_host) && port.parse::<u16>().is_ok();
        well_formed.then(|| Self(text.to_owned()))
    }
}
