//! As much of DER as it takes to get a key out of a certificate.

/// The tags that are met.
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT: u8 = 0x06;
const SET: u8 = 0x31;
const EXPLICIT_VERSION: u8 = 0xa0;
/// UTF8String, PrintableString, IA5String.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];

/// A public key as a certificate holds it.
pub(crate) struct PublicKeyInfo<'a> {
    /// All of it, in DER.
    pub(crate) whole: &'a [u8],
    /// The algorithm.
    pub(crate) algorithm: &'a [u8],
    /// What else is said about the algorithm: for an elliptic curve, which.
    pub(crate) parameter: &'a [u8],
    /// The key.
    pub(crate) key: &'a [u8],
}

/// The subject of a certificate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) common_names: Vec<String>,
    pub(crate) organisations: Vec<String>,
}

/// The key of a certificate.
pub(crate) fn of_certificate(certificate: &[u8]) -> Option<PublicKeyInfo<'_>> {
    public_key_info(from_subject(certificate)?.1)
}

/// The subject of a certificate; `None` if a name in it is no text.
pub(crate) fn subject(certificate: &[u8]) -> Option<Subject> {
    let (mut names, mut subject) = (from_subject(certificate)?.0, Subject::default());
    while !names.is_empty() {
        let (mut set, rest) = take(names, SET)?;
        names = rest;
        while !set.is_empty() {
            let (attribute, rest) = take(set, SEQUENCE)?;
            set = rest;
            let (kind, value) = take(attribute, OBJECT)?;
            match kind {
                COMMON_NAME => subject.common_names.push(text(value)?),
                ORGANISATION => subject.organisations.push(text(value)?),
                _ => {}
            }
        }
    }
    Some(subject)
}

/// A text in one of the encodings that are UTF-8.
fn text(der: &[u8]) -> Option<String> {
    let (text, _) = TEXTS.iter().find_map(|tag| take(der, *tag))?;
    String::from_utf8(text.to_vec()).ok()
}

/// The subject of a certificate, and what is behind it.
fn from_subject(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (certificate, _) = take(certificate, SEQUENCE)?;
    let (mut rest, _) = take(certificate, SEQUENCE)?;
    if let Some((_, after)) = take(rest, EXPLICIT_VERSION) {
        rest = after;
    }
    // Serial number, algorithm, issuer, validity.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE] {
        rest = take(rest, tag)?.1;
    }
    take(rest, SEQUENCE)
}

/// The key at the front.
fn public_key_info(der: &[u8]) -> Option<PublicKeyInfo<'_>> {
    let (info, rest) = take(der, SEQUENCE)?;
    let whole = &der[..der.len() - rest.len()];
    let (identifier, bits) = take(info, SEQUENCE)?;
    let (algorithm, parameters) = take(identifier, OBJECT)?;
    let parameter = take(parameters, OBJECT).map_or(&[][..], |(parameter, _)| parameter);
    let (key, _) = take(bits, BIT_STRING)?;
    // The first byte counts bits that are not used, of which a key has none.
    Some(PublicKeyInfo { whole, algorithm, parameter, key: key.strip_prefix(&[0])? })
}

/// Modulus and exponent of an RSA key, without zeros in front.
pub(crate) fn rsa(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (numbers, _) = take(key, SEQUENCE)?;
    let (modulus, rest) = take(numbers, INTEGER)?;
    let (exponent, _) = take(rest, INTEGER)?;
    Some((without_zeros(modulus), without_zeros(exponent)))
}

pub(crate) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
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
