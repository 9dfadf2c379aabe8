//! When a certificate is valid, of which the library that checks them tells servers nothing.
//!
//! A certificate that is not understood has no validity here, which costs a warning and nothing else.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use wharf_certificate::Certificate;

/// From when, and until when; as fourteen digits of UTC, which sort as the times do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    begins: String,
    ends: String,
}

// === impl Validity ===

impl Validity {
    /// That of a certificate, `None` if it is not to be understood.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let wharf_certificate::Validity { begins, ends } =
            Certificate::parse(certificate)?.validity()?;
        Some(Self { begins, ends })
    }

    /// What a client of this moment will say, `None` if it is content.
    pub(crate) fn problem(&self, now: Timestamp) -> Option<String> {
        let now = now.strftime("%Y%m%d%H%M%S").to_string();
        if self.ends < now {
            return Some(format!("has expired, it was valid until {}", readable(&self.ends)));
        }
        let early = self.begins > now;
        early.then(|| format!("is not valid before {}", readable(&self.begins)))
    }

    /// Whether less than a third of it is left.
    pub(crate) fn has_aged(&self, now: Timestamp) -> bool {
        let (Some(begins), Some(ends)) = (moment(&self.begins), moment(&self.ends)) else {
            return false;
        };
        let now = now.as_second();
        ends - now < (ends - begins) / 3
    }

    /// When it ends, for people.
    pub(crate) fn end(&self) -> String {
        readable(&self.ends)
    }
}

/// Fourteen digits of UTC as seconds since 1970.
fn moment(digits: &str) -> Option<i64> {
    Some(readable(digits).parse::<Timestamp>().ok()?.as_second())
}

/// `20261121140000` as `2026-11-21T14:00:00Z`.
fn readable(digits: &str) -> String {
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    )
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: i32, to: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(from, 2, 3);
        params.not_after = date_time_ymd(to, 4, 5);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("signed").der().clone()
    }

    #[test]
    fn what_is_over_or_yet_to_come_is_a_problem() {
        let validity = Validity::of(&certificate(2020, 2022)).expect("understood");
        let problem = |now: &str| validity.problem(now.parse().expect("a time"));
        assert_eq!(problem("2021-01-01T00:00:00Z"), None);
        let over = problem("2022-04-05T00:00:01Z").expect("over");
        assert_eq!(over, "has expired, it was valid until 2022-04-05T00:00:00Z");
        let early = problem("2020-01-01T00:00:00Z").expect("early");
        assert_eq!(early, "is not valid before 2020-02-03T00:00:00Z");
    }

    #[test]
    fn it_has_aged_when_less_than_a_third_is_left() {
        let validity = Validity::of(&certificate(2020, 2023)).expect("understood");
        let has_aged = |now: &str| validity.has_aged(now.parse().expect("a time"));
        assert!(!has_aged("2020-02-03T00:00:00Z") && !has_aged("2022-02-01T00:00:00Z"));
        assert!(has_aged("2022-05-01T00:00:00Z") && has_aged("2024-01-01T00:00:00Z"));
    }
}
