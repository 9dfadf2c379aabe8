//! When a certificate is valid.

use crate::der::{GENERALIZED_TIME, UTC_TIME, take};

/// From when, and until when; as fourteen digits of UTC, which sort as the times do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub begins: String,
    /// The last one.
    pub ends: String,
}

// === impl Validity ===

impl Validity {
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (begins, rest) = time(der)?;
        Some(Self { begins, ends: time(rest)?.0 })
    }
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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use crate::Certificate;

    #[test]
    fn both_forms_of_a_time_are_read() {
        let key = KeyPair::generate().expect("a key");
        for (from, to) in [(1999, 2049), (2020, 2060), (2055, 2060)] {
            let mut params = CertificateParams::new(Vec::new()).expect("valid");
            params.not_before = date_time_ymd(from, 2, 3);
            params.not_after = date_time_ymd(to, 4, 5);
            let signed = params.self_signed(&key).expect("signed");
            let validity = Certificate::parse(signed.der()).expect("one").validity();
            let validity = validity.expect("understood");
            assert_eq!(validity.begins, format!("{from}0203000000"));
            assert_eq!(validity.ends, format!("{to}0405000000"));
        }
    }
}
