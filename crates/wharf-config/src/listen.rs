//! Where connections come from: `http.net`, and who may speak for others: `http.trustedproxies`.

use std::{net::IpAddr, path::PathBuf};

use ipnet::IpNet;

use crate::{
    ConfigError,
    section::{Scalar, Section},
};

/// Whose `Forwarded` and `X-Forwarded-*` headers count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedProxies {
    /// Everybody's, as with the original.
    Anyone,
    /// Those of clients in these networks, and of clients of a socket file.
    Networks(Vec<IpNet>),
}

/// `http.net`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Net {
    Tcp,
    Unix,
}

struct SocketPath(String);

enum Proxy {
    Anyone,
    Network(IpNet),
}

/// Where proxies stand if nothing is said: on this machine, or in a private network.
const PRIVATE: [&str; 8] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// The longest path of a socket file (`sun_path`, with a zero byte at its end).
const LONGEST_PATH: usize = 107;

/// The socket file that is to be listened on, `None` for a port.
pub(crate) fn socket(http: &Section<'_>) -> Result<Option<PathBuf>, ConfigError> {
    if http.value_or("net", Net::Tcp)? == Net::Tcp {
        return Ok(None);
    }
    match http.value("addr")? {
        Some(SocketPath(path)) => Ok(Some(path.into())),
        None => Err(http.error("net is unix, but addr names no socket file")),
    }
}

// === impl TrustedProxies ===

impl TrustedProxies {
    pub(crate) fn read(http: &Section<'_>) -> Result<Self, ConfigError> {
        if http.find("trustedproxies").is_none() {
            return Ok(Self::default());
        }
        let mut networks = Vec::new();
        for item in http.items("trustedproxies")? {
            match item.scalar()? {
                Proxy::Anyone => return Ok(Self::Anyone),
                Proxy::Network(network) => networks.push(network),
            }
        }
        Ok(Self::Networks(networks))
    }
}

impl Default for TrustedProxies {
    fn default() -> Self {
        let networks = PRIVATE.iter().map(|text| text.parse().expect("it is a network"));
        Self::Networks(networks.collect())
    }
}

// === impl Net ===

impl Scalar for Net {
    const EXPECTED: &'static str = "tcp or unix";

    fn read(text: &str) -> Option<Self> {
        match text {
            "tcp" | "" => Some(Self::Tcp),
            "unix" => Some(Self::Unix),
            _ => None,
        }
    }
}

// === impl SocketPath ===

impl Scalar for SocketPath {
    const EXPECTED: &'static str = "the path of a socket file, of at most 107 bytes";

    fn read(text: &str) -> Option<Self> {
        let possible = (1..=LONGEST_PATH).contains(&text.len()) && !text.contains('\0');
        (possible && !text.ends_with('/')).then(|| Self(text.to_owned()))
    }
}

// === impl Proxy ===

impl Scalar for Proxy {
    const EXPECTED: &'static str = "an address, a network such as 10.0.0.0/8, or any";

    fn read(text: &str) -> Option<Self> {
        match text.parse::<IpAddr>() {
            _ if text == "any" => Some(Self::Anyone),
            Ok(address) => Some(Self::Network(address.into())),
            Err(_) => text.parse().ok().map(Self::Network),
        }
    }
}
