//! Certificates as clients and tokens show them.

use wharf_certificate::Certificate;

/// Whatever is read of a certificate stands in it, and does not depend on what is behind it.
pub fn check(data: &[u8]) {
    let Some(certificate) = Certificate::parse(data) else { return };
    if let Some(validity) = certificate.validity() {
        for time in [&validity.begins, &validity.ends] {
            assert!(time.len() == 14 && time.bytes().all(|digit| digit.is_ascii_digit()), "{time}");
        }
    }
    if let Some(key) = certificate.key() {
        assert!(stands_in(data, key.whole) && stands_in(key.whole, key.key));
        assert!(stands_in(key.whole, key.algorithm));
        if let Some((modulus, exponent)) = key.rsa() {
            assert!(stands_in(key.key, modulus) && stands_in(key.key, exponent));
            assert!(modulus.first() != Some(&0) && exponent.first() != Some(&0));
        }
    }
    let subject = certificate.subject();
    for name in subject.iter().flat_map(|it| it.common_names.iter().chain(&it.organisations)) {
        assert!(stands_in(data, name.as_bytes()));
    }
    let longer = [data, b"\x30\x00"].concat();
    let again = Certificate::parse(&longer).expect("it is there");
    assert_eq!(again.subject(), subject);
    assert_eq!(again.validity(), certificate.validity());
    assert_eq!(again.key(), certificate.key());
}

fn stands_in(whole: &[u8], part: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}
