//! When a certificate is valid, of which the library that checks them tells servers nothing.
//!
//! Only what comes before the dates is walked over: a certificate that is not understood has no
//! validity here, which costs a warning and nothing else.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

/// From when, and until when; as fourteen digits of UTC, which sort as the times do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    begins: String,
    ends: String,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

// === impl Validity ===

impl Validity {
    /// That of a certificate, `None` if it is not to be understood.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (certificate, _) = take(certificate, SEQUENCE)?;
        let (mut rest, _) = take(certificate, SEQUENCE)?;
        if let Some((_, after)) = take(rest, EXPLICIT_VERSION) {
            rest = after;
        }
        // Serial number, algorithm, issuer.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            rest = take(rest, tag)?.1;
        }
        let (validity, _) = take(rest, SEQUENCE)?;
        let (begins, rest) = time(validity)?;
        Some(Self { begins, ends: time(rest)?.0 })
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

/// Takes one value off the front: what is in it, and what is behind it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// Takes a time, of which RFC 5280 allows two forms, both in UTC and without fractions.
fn time(der: &[u8]) -> Option<(String, &[u8])> {
    let short = take(der, UTC_TIME);
    let (digits, rest) = short.or_else(|| take(der, GENERALIZED_TIME))?;
    let digits = std::str::from_utf8(digits.strip_suffix(b"Z")?).ok()?;
    let century = match short {
        Some(_) if digits < "50" => "20",
        Some(_) => "19",
        None => "",
    };
    let time = format!("{century}{digits}");
    let well_formed = time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then_some((time, rest))
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
    fn both_forms_of_a_time_are_read() {
        for (from, to) in [(1999, 2049), (2020, 2060), (2055, 2060)] {
            let validity = Validity::of(&certificate(from, to)).expect("understood");
            assert_eq!(validity.begins, format!("{from}0203000000"));
            assert_eq!(validity.end(), format!("{to}-04-05T00:00:00Z"));
        }
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

    #[test]
    fn nothing_is_made_of_rubbish() {
        let whole = certificate(2020, 2022);
        for length in 0..whole.len() {
            // Must not panic; the dates stand near the front.
            Validity::of(&CertificateDer::from(&whole[..length]));
        }
        assert_eq!(Validity::of(&CertificateDer::from(&b"\x30\x84\xff\xff\xff\xff"[..])), None);
    }
}
