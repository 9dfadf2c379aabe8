//! How a client came, for those who tell others of it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use wharf_core::Origin;

use crate::{
    client::{FORWARDED_FOR, named},
    location::{Links, Way},
};

const REAL_IP: &str = "x-real-ip";

/// How a client came this way.
pub(crate) fn of(links: &Links, way: Way<'_>) -> Origin {
    let client = links.trusts(way.remote).then(|| client(links, way.headers)).flatten();
    Origin { base: links.absolute("", way), client }
}

/// What proxies say about where a client is. Whoever may say anything is believed to the beginning.
fn client(links: &Links, headers: &HeaderMap) -> Option<IpAddr> {
    if !headers.contains_key(FORWARDED_FOR) {
        return headers.get(REAL_IP)?.to_str().ok()?.trim().parse().ok();
    }
    let is_proxy = |address| links.trusts(SocketAddr::new(address, 1));
    named(headers, &FORWARDED_FOR, |text| text.parse().ok(), is_proxy)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::Options;

    fn client_of(
        trusted: Option<&str>,
        headers: &[(&'static str, &'static str)],
    ) -> Option<String> {
        let trusted_proxies = trusted.map(|networks| vec![networks.parse().unwrap()]);
        let links = Links::new(&Options { trusted_proxies, ..Options::default() });
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let remote = "10.0.0.1:5".parse().unwrap();
        let way = Way { scheme: "http", remote, headers: &headers, authority: None };
        of(&links, way).client.map(|client| client.to_string())
    }

    #[test]
    fn only_proxies_that_are_trusted_say_where_a_client_is() {
        let list = [("x-forwarded-for", "203.0.113.1, 198.51.100.2, 10.0.0.3")];
        assert_eq!(client_of(Some("10.0.0.0/8"), &list).as_deref(), Some("198.51.100.2"));
        assert_eq!(client_of(None, &list).as_deref(), Some("203.0.113.1"));
        assert_eq!(client_of(Some("192.168.0.0/16"), &list), None);
        let all_ours = [("x-forwarded-for", "10.0.0.9,10.0.0.3")];
        assert_eq!(client_of(Some("10.0.0.0/8"), &all_ours).as_deref(), Some("10.0.0.9"));
        let two_lines = [("x-forwarded-for", "203.0.113.1"), ("x-forwarded-for", "198.51.100.2")];
        assert_eq!(client_of(Some("10.0.0.0/8"), &two_lines).as_deref(), Some("198.51.100.2"));
        let real = [("x-real-ip", "2001:db8::1")];
        assert_eq!(client_of(Some("10.0.0.0/8"), &real).as_deref(), Some("2001:db8::1"));
        for nonsense in ["", "unknown", "203.0.113.1:80", "a, b"] {
            assert_eq!(client_of(None, &[("x-forwarded-for", nonsense)]), None, "{nonsense}");
        }
    }

    #[test]
    fn the_base_is_what_precedes_a_path() {
        let links = Links::new(&Options { prefix: "/reg/".into(), ..Options::default() });
        let headers: HeaderMap =
            [(http::header::HOST, HeaderValue::from_static("a.example"))].into_iter().collect();
        let remote = "192.0.2.1:5".parse().unwrap();
        let way = Way { scheme: "https", remote, headers: &headers, authority: None };
        assert_eq!(of(&links, way).base, "https://a.example/reg");
    }
}
