//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv6Addr};

use http::Uri;

use crate::Network;

/// Which addresses may be connected to: every public one, and what is named here.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    networks: Vec<Network>,
    authorities: Vec<(String, u16)>,
}

/// What is no place on the internet, in IPv4 (RFC 6890 and what came after it).
const SPECIAL_V4: [Network; 15] = [
    Network::v4(0, 0, 0, 8),
    Network::v4(10, 0, 0, 8),
    Network::v4(100, 64, 0, 10),
    Network::v4(127, 0, 0, 8),
    Network::v4(169, 254, 0, 16),
    Network::v4(172, 16, 0, 12),
    Network::v4(192, 0, 0, 24),
    Network::v4(192, 0, 2, 24),
    Network::v4(192, 88, 99, 24),
    Network::v4(192, 168, 0, 16),
    Network::v4(198, 18, 0, 15),
    Network::v4(198, 51, 100, 24),
    Network::v4(203, 0, 113, 24),
    Network::v4(224, 0, 0, 4),
    Network::v4(240, 0, 0, 4),
];

/// Where the public addresses of IPv6 are, and what among them is not public: protocols and tunnels
/// (which lead to any IPv4 address), documentation.
const PUBLIC_V6: Network = Network::v6(0x2000, 0, 3);
const SPECIAL_V6: [Network; 4] = [
    Network::v6(0x2001, 0, 23),
    Network::v6(0x2001, 0x0db8, 32),
    Network::v6(0x2002, 0, 16),
    Network::v6(0x3fff, 0, 20),
];

/// Addresses that a translator turns into IPv4 (RFC 6052).
const NAT64: Network = Network::v6(0x0064, 0xff9b, 96);

// === impl Reach ===

impl Reach {
    /// Public addresses only.
    pub fn public() -> Self {
        Self::default()
    }

    /// Every address there is.
    pub fn everything() -> Self {
        let v4 = Network::v4(0, 0, 0, 0);
        Self { networks: vec![v4, Network::v6(0, 0, 0)], authorities: Vec::new() }
    }

    /// These addresses too.
    #[must_use]
    pub fn and_network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// The server of this URL too, wherever its name leads: for what the operator has named, in
    /// contrast to what a stranger or an answer names.
    #[must_use]
    pub fn and_server(mut self, url: &Uri) -> Self {
        self.authorities.extend(authority(url));
        self
    }

    /// Whether the address, to which a URL has led, may be connected to.
    pub fn allows(&self, url: &Uri, address: IpAddr) -> bool {
        is_public(address)
            || self.networks.iter().any(|network| network.contains(address))
            || authority(url).is_some_and(|authority| self.authorities.contains(&authority))
    }
}

/// The host in lower case, and the port that is connected to.
pub(crate) fn authority(url: &Uri) -> Option<(String, u16)> {
    let port = match (url.port_u16(), url.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, Some("http")) => 80,
        _ => return None,
    };
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_ascii_lowercase(), port))
}

/// Whether an address is one of the internet, and of nobody's own network.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(_) => !SPECIAL_V4.iter().any(|network| network.contains(address)),
        IpAddr::V6(v6) if NAT64.contains(address) => is_public(IpAddr::V4(embedded(v6))),
        IpAddr::V6(_) => {
            PUBLIC_V6.contains(address)
                && !SPECIAL_V6.iter().any(|network| network.contains(address))
        }
    }
}

/// The IPv4 address in the last 32 bits.
fn embedded(address: Ipv6Addr) -> std::net::Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    std::net::Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for text in [
            "1.1.1.1",
            "11.0.0.1",
            "100.63.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860::8888",
            "64:ff9b::1.1.1.1",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(address(text)), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn what_is_named_is_reached() {
        let local = address("127.0.0.1");
        let named = Reach::public().and_server(&url("http://Keys.example:8080/jwks"));
        assert!(named.allows(&url("http://keys.example:8080/other"), local));
        assert!(!named.allows(&url("http://keys.example/jwks"), local));
        assert!(!named.allows(&url("http://other.example:8080/"), local));
        let default = Reach::public().and_server(&url("https://[::1]/"));
        assert!(default.allows(&url("https://[::1]:443/x"), address("::1")));
        assert!(!default.allows(&url("http://[::1]/x"), address("::1")));
        let network = Reach::public().and_network("127.0.0.0/8".parse().unwrap());
        assert!(network.allows(&url("http://a/"), local));
        assert!(!network.allows(&url("http://a/"), address("10.0.0.1")));
        let everything = Reach::everything();
        assert!(everything.allows(&url("http://a/"), local));
        assert!(everything.allows(&url("http://a/"), address("fe80::1")));
    }
}
