//! Who a client is: the address that its connections and requests count for.
//!
//! Behind a proxy everybody has the same address. So where a proxy is trusted by name, the client is
//! whom it names: the last one in `Forwarded` or `X-Forwarded-For` that is no such proxy itself, as
//! all before that may be made up, or the first one if all are. A proxy that names nobody speaks for
//! many, and has no limit. Where anybody may speak for others, nobody is believed here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::{listener::NOWHERE, location::pair};

/// Tells clients from proxies.
pub(crate) struct Clients {
    proxies: Vec<IpNet>,
}

pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The most proxies in a row that are looked at.
const MOST_PROXIES: usize = 16;

// === impl Clients ===

impl Clients {
    /// `None` stands for proxies that nobody has named.
    pub(crate) fn new(proxies: Option<&[IpNet]>) -> Self {
        Self { proxies: proxies.map(<[IpNet]>::to_vec).unwrap_or_default() }
    }

    /// The address that a connection counts for, `None` for one of a proxy or of this machine.
    pub(crate) fn of_connection(&self, remote: SocketAddr) -> Option<IpAddr> {
        let address = remote.ip().to_canonical();
        (!self.is_proxy(remote, address)).then(|| network(address))
    }

    /// The address that a request counts for, `None` if it came from a proxy that names nobody.
    pub(crate) fn of_request(&self, remote: SocketAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let address = remote.ip().to_canonical();
        if !self.is_proxy(remote, address) {
            return Some(network(address));
        }
        let is_proxy = |address| self.proxies.iter().any(|network| network.contains(&address));
        let named = match headers.contains_key(header::FORWARDED) {
            true => named(headers, &header::FORWARDED, node, is_proxy),
            false => named(headers, &FORWARDED_FOR, address_of, is_proxy),
        };
        named.map(network)
    }

    fn is_proxy(&self, remote: SocketAddr, address: IpAddr) -> bool {
        remote == NOWHERE || self.proxies.iter().any(|network| network.contains(&address))
    }
}

/// Whom proxies name in a header: the last one that is no proxy itself, or the first one if all are.
/// Each proxy adds to the end, of the line or by another line, so that what stands before somebody who
/// is not known may be made up.
pub(crate) fn named(
    headers: &HeaderMap,
    header: &HeaderName,
    read: impl Fn(&str) -> Option<IpAddr>,
    is_proxy: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let lines = headers.get_all(header).iter().rev();
    let elements = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let mut client = None;
    for element in elements.take(MOST_PROXIES) {
        let Some(address) = read(element.trim()) else { break };
        let address = address.to_canonical();
        client = Some(address);
        if !is_proxy(address) {
            break;
        }
    }
    client
}

/// The part of an address that one client has: of IPv6 everybody has a network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address_of(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

/// The `for` of an element of `Forwarded`.
fn node(element: &str) -> Option<IpAddr> {
    let mut rest = element;
    while let Some((name, value, tail)) = pair(rest) {
        if name.eq_ignore_ascii_case("for") {
            return address_of(&value);
        }
        rest = tail.strip_prefix(';')?;
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn clients() -> Clients {
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).into();
        Clients::new(Some(&proxies))
    }

    #[track_caller]
    fn check(remote: &str, headers: &[(&'static str, &str)], expected: Option<&str>) {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let headers = headers.iter();
        let headers =
            headers.map(|(name, text)| (HeaderName::from_static(name), value(text))).collect();
        let found = clients().of_request(remote.parse().unwrap(), &headers);
        assert_eq!(found, expected.map(|address| address.parse().unwrap()));
    }

    const PROXY: &str = "10.0.0.1:1";

    #[test]
    fn only_a_proxy_speaks_for_others() {
        let header = ("x-forwarded-for", "192.0.2.7");
        check(PROXY, &[header], Some("192.0.2.7"));
        check("[::ffff:10.0.0.1]:1", &[header], Some("192.0.2.7"));
        check("0.0.0.0:0", &[header], Some("192.0.2.7"));
        check("192.0.2.1:1", &[header], Some("192.0.2.1"));
        check(PROXY, &[], None);
        check("0.0.0.0:0", &[], None);
        let anyone = Clients::new(None);
        let headers = [(FORWARDED_FOR, HeaderValue::from_static("192.0.2.7"))];
        let found = anyone.of_request(PROXY.parse().unwrap(), &headers.into_iter().collect());
        assert_eq!(found, Some("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_a_client_says_of_itself_does_not_count() {
        let list = |text| [("x-forwarded-for", text)];
        check(PROXY, &list("1.2.3.4, 192.0.2.7, 10.1.1.1"), Some("192.0.2.7"));
        check(PROXY, &list("1.2.3.4, unknown, 10.1.1.1"), Some("10.1.1.1"));
        check(PROXY, &list("10.1.1.1"), Some("10.1.1.1"));
        check(PROXY, &list("10.1.1.1, 10.2.2.2"), Some("10.1.1.1"));
        let twice = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "192.0.2.7")];
        check(PROXY, &twice, Some("192.0.2.7"));
        let chain = [("x-forwarded-for", "1.2.3.4, 192.0.2.7"), ("x-forwarded-for", "10.1.1.1")];
        check(PROXY, &chain, Some("192.0.2.7"));
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        let forwarded = |text| [("forwarded", text)];
        check(PROXY, &forwarded("for=192.0.2.7;proto=https"), Some("192.0.2.7"));
        check(
            PROXY,
            &forwarded("proto=https;FOR=\"192.0.2.7:80\", for=10.2.2.2"),
            Some("192.0.2.7"),
        );
        check(PROXY, &forwarded("for=\"[2001:db8::1]:80\""), Some("2001:db8::"));
        check(PROXY, &forwarded("for=_hidden"), None);
        check(PROXY, &[("x-forwarded-for", "2001:db8:0:1:2::3")], Some("2001:db8:0:1::"));
        check("[2001:db8::1:2:3:4]:1", &[], Some("2001:db8::"));
    }

    #[test]
    fn a_proxy_has_as_many_connections_as_it_needs() {
        let of = |remote: &str| clients().of_connection(remote.parse().unwrap());
        assert_eq!(of(PROXY), None);
        assert_eq!(of("0.0.0.0:0"), None);
        assert_eq!(of("192.0.2.1:5"), Some("192.0.2.1".parse().unwrap()));
    }
}
