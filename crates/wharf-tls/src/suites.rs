//! Cipher suites, by the names that Go has for them, and which of them are offered.

use rustls::{
    CipherSuite, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::aws_lc_rs::cipher_suite as offer,
    version::{TLS12, TLS13},
};

use crate::{Error, Version};

/// A name, and what is offered under it.
struct Suite {
    name: &'static str,
    offer: Offer,
}

enum Offer {
    /// It is offered.
    Yes(SupportedCipherSuite),
    /// Go knows it, for clients of long ago: no forward secrecy, CBC, or 3DES.
    Weak,
}

const fn suite(name: &'static str, offer: SupportedCipherSuite) -> Suite {
    Suite { name, offer: Offer::Yes(offer) }
}

const fn weak(name: &'static str) -> Suite {
    Suite { name, offer: Offer::Weak }
}

/// All suites, in the order in which they are preferred.
static TABLE: &[Suite] = &[
    suite("TLS_AES_128_GCM_SHA256", offer::TLS13_AES_128_GCM_SHA256),
    suite("TLS_AES_256_GCM_SHA384", offer::TLS13_AES_256_GCM_SHA384),
    suite("TLS_CHACHA20_POLY1305_SHA256", offer::TLS13_CHACHA20_POLY1305_SHA256),
    suite(
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        offer::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", offer::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    suite(
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        offer::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    suite("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", offer::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    suite(
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        offer::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    suite(
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        offer::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    weak("TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    weak("TLS_RSA_WITH_AES_128_CBC_SHA"),
    weak("TLS_RSA_WITH_AES_256_CBC_SHA"),
    weak("TLS_RSA_WITH_AES_128_GCM_SHA256"),
    weak("TLS_RSA_WITH_AES_256_GCM_SHA384"),
    weak("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    weak("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    weak("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    weak("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    weak("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
];

/// The versions that are spoken.
pub(crate) fn versions(minimum: Version) -> &'static [&'static SupportedProtocolVersion] {
    static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match minimum {
        Version::Tls12 => &ALL,
        Version::Tls13 => &ALL[..1],
    }
}

/// The suites that were asked for, best first. Where TLS 1.3 is the minimum, weak ones of before are
/// passed over as in docker/distribution: they could do no harm.
pub(crate) fn choose(
    names: &[String],
    minimum: Version,
) -> Result<Vec<SupportedCipherSuite>, Error> {
    for name in names {
        match TABLE.iter().find(|suite| suite.name == name).map(|suite| &suite.offer) {
            Some(Offer::Yes(_)) => {}
            Some(Offer::Weak) if minimum > Version::Tls12 => {}
            Some(Offer::Weak) => return Err(Error::WeakSuite(name.clone())),
            None => return Err(Error::UnknownSuite(name.clone())),
        }
    }
    let named = |suite: &&Suite| names.iter().any(|name| name == suite.name);
    let modern = |suite: &&Suite| suite.is_spoken(Version::Tls13);
    let names_modern = TABLE.iter().filter(named).any(|suite| modern(&suite));
    let wanted = |suite: &&Suite| match () {
        () if names.is_empty() => true,
        () if modern(suite) && !names_modern => true,
        () => named(suite),
    };
    let versions = versions(minimum);
    let chosen = TABLE.iter().filter(wanted).filter_map(Suite::offer);
    let chosen: Vec<_> = chosen.filter(|suite| versions.contains(&suite.version())).collect();
    if chosen.is_empty() { Err(Error::NoSuite) } else { Ok(chosen) }
}

/// The names of the suites that are offered, for people.
pub(crate) fn offered() -> String {
    let offered = TABLE.iter().filter(|suite| suite.offer().is_some());
    offered.map(|suite| suite.name).collect::<Vec<_>>().join(", ")
}

/// Whether a client that lists these would rather do without AES, as it has none in hardware.
pub(crate) fn prefers_chacha(suites: &[CipherSuite]) -> bool {
    let row = |suite: &CipherSuite| {
        TABLE.iter().find(|row| row.offer().is_some_and(|offer| offer.suite() == *suite))
    };
    suites.iter().find_map(row).is_some_and(|row| row.name.contains("CHACHA20"))
}

// === impl Suite ===

impl Suite {
    fn offer(&self) -> Option<SupportedCipherSuite> {
        match self.offer {
            Offer::Yes(suite) => Some(suite),
            Offer::Weak => None,
        }
    }

    fn is_spoken(&self, version: Version) -> bool {
        self.offer().is_some_and(|suite| match version {
            Version::Tls12 => suite.version() == &TLS12,
            Version::Tls13 => suite.version() == &TLS13,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], minimum: Version, expected: &[&str]) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let chosen = choose(&names, minimum).map_err(|error| error.to_string()).expect("offered");
        let name = |suite: &SupportedCipherSuite| {
            let found = TABLE.iter().find(|row| row.offer().is_some_and(|offer| offer == *suite));
            found.expect("in the table").name
        };
        assert_eq!(chosen.iter().map(name).collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn check_error(name: &str, minimum: Version, expected: &str) {
        let error = choose(&[name.to_owned()], minimum).expect_err("not offered").to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn what_is_named_is_offered_in_our_order() {
        use Version::{Tls12, Tls13};
        const MODERN: [&str; 3] =
            ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
        const OLDER: &str = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";

        assert_eq!(choose(&[], Tls12).expect("all").len(), 9);
        check(&[], Tls13, &MODERN);
        check(&[OLDER], Tls12, &[&MODERN[..], &[OLDER]].concat());
        check(&[OLDER], Tls13, &MODERN);
        check(&[OLDER, MODERN[1], MODERN[0]], Tls12, &[MODERN[0], MODERN[1], OLDER]);
        check(&[MODERN[2]], Tls12, &[MODERN[2]]);
        check(&["TLS_RSA_WITH_AES_128_CBC_SHA"], Tls13, &MODERN);
    }

    #[test]
    fn what_is_not_offered_is_named() {
        let weak = "TLS_RSA_WITH_AES_128_CBC_SHA";
        check_error(weak, Version::Tls12, "cipher suite TLS_RSA_WITH_AES_128_CBC_SHA is too weak");
        check_error(
            "TLS_NULL",
            Version::Tls12,
            "cipher suite TLS_NULL is unknown; offered are TLS",
        );
        check_error("TLS_NULL", Version::Tls13, "cipher suite TLS_NULL is unknown");
    }

    #[test]
    fn chacha_is_preferred_by_who_lists_it_first() {
        use CipherSuite as C;
        let (chacha, aes) = (C::TLS13_CHACHA20_POLY1305_SHA256, C::TLS13_AES_128_GCM_SHA256);
        assert!(prefers_chacha(&[C::Unknown(0x0a0a), chacha, aes]));
        assert!(!prefers_chacha(&[C::TLS13_AES_256_GCM_SHA384, chacha]));
        assert!(!prefers_chacha(&[]));
    }
}
