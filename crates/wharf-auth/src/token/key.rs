//! One key, and what it may be used for.

use std::fmt;

use aws_lc_rs::{
    hmac,
    signature::{
        self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use wharf_certificate::Certificate;
use wharf_digest::Digest;

use super::Algorithm;

/// A key, pinned to the algorithms that are made for it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    kind: Kind,
    /// The only algorithm, if whoever published the key has said so.
    only: Option<Algorithm>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point, uncompressed.
    Ec(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// What RSA keys may have, in bits of the modulus.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The shortest secret, in bytes: what SHA-256 yields.
const SHORTEST_SECRET: usize = 32;

// === impl Key ===

impl Key {
    /// A key; the error says why it cannot be used.
    pub(crate) fn new(kind: Kind, only: Option<Algorithm>) -> Result<Self, String> {
        kind.check()?;
        let key = Self { kind, only };
        match only {
            Some(only) if !key.kind.suits(only) => Err(format!("it cannot be used for {only}")),
            _ => Ok(key),
        }
    }

    /// The key of a certificate.
    pub(crate) fn of_certificate(certificate: &[u8]) -> Result<Self, String> {
        let unreadable = || "its key cannot be read".to_owned();
        let parsed = Certificate::parse(certificate);
        let info = parsed.and_then(|it| it.key()).ok_or_else(unreadable)?;
        let point = |curve| Kind::Ec(curve, info.key.to_vec());
        let kind = match (info.algorithm, info.parameter) {
            (RSA, _) => {
                let (modulus, exponent) = info.rsa().ok_or_else(unreadable)?;
                Kind::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() }
            }
            (EC, P256) => point(Curve::P256),
            (EC, P384) => point(Curve::P384),
            (EC, P521) => point(Curve::P521),
            (ED25519, _) => Kind::Ed25519(info.key.to_vec()),
            _ => return Err("its key is of an unknown kind".to_owned()),
        };
        Self::new(kind, None)
    }

    /// Whether the signature is that of the message, by an algorithm that the key is made for.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        use Algorithm as A;

        if !self.is_for(algorithm) {
            return false;
        }
        match (&self.kind, algorithm) {
            (Kind::Rsa { modulus, exponent }, _) => {
                let Some(parameters) = rsa_parameters(algorithm) else { return false };
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, message, signature).is_ok()
            }
            (Kind::Ec(curve, point), _) => {
                let key = UnparsedPublicKey::new(curve.verification(), point);
                key.verify(message, signature).is_ok()
            }
            (Kind::Ed25519(point), _) => {
                let key = UnparsedPublicKey::new(&signature::ED25519, point);
                key.verify(message, signature).is_ok()
            }
            (Kind::Secret(secret), _) => {
                let hash = match algorithm {
                    A::Hs384 => hmac::HMAC_SHA384,
                    A::Hs512 => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::verify(&hmac::Key::new(hash, secret), message, signature).is_ok()
            }
        }
    }

    /// Whether it may be used for this algorithm.
    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.kind.suits(algorithm) && self.only.is_none_or(|only| only == algorithm)
    }

    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret(_))
    }

    /// Its thumbprint, as RFC 7638 and RFC 8037 have it.
    pub(crate) fn thumbprint(&self) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let json = match &self.kind {
            Kind::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(exponent), text(modulus))
            }
            Kind::Ec(curve, point) => {
                let (x, y) = point[1..].split_at((point.len() - 1) / 2);
                let (name, x, y) = (curve.name(), text(x), text(y));
                format!(r#"{{"crv":"{name}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Kind::Ed25519(point) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(point))
            }
            Kind::Secret(secret) => format!(r#"{{"k":"{}","kty":"oct"}}"#, text(secret)),
        };
        text(Digest::sha256(json.as_bytes()).as_bytes())
    }
}

/// Says of which kind it is, and nothing else.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Rsa { .. } => "Key(RSA)",
            Kind::Ec(..) => "Key(EC)",
            Kind::Ed25519(_) => "Key(Ed25519)",
            Kind::Secret(_) => "Key(a secret)",
        })
    }
}

/// The id of a certificate's key by libtrust, which token servers for docker/distribution 2 write:
/// twelve groups of base32.
pub(crate) fn libtrust_id(certificate: &[u8]) -> Option<String> {
    let info = Certificate::parse(certificate)?.key()?;
    let hash = Digest::sha256(info.whole);
    let text = base32(&hash.as_bytes()[..30]);
    let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    Some(groups.join(":"))
}

/// Base32 (RFC 4648) of a number of bytes that five divides.
fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for five in bytes.chunks_exact(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let digit = |n: u32| char::from(DIGITS[usize::from((bits >> (35 - 5 * n)) as u8 & 31)]);
        text.extend((0..8).map(digit));
    }
    text
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

// === impl Kind ===

impl Kind {
    fn suits(&self, algorithm: Algorithm) -> bool {
        use Algorithm as A;
        match self {
            Self::Rsa { .. } => rsa_parameters(algorithm).is_some(),
            Self::Ec(Curve::P256, _) => algorithm == A::Es256,
            Self::Ec(Curve::P384, _) => algorithm == A::Es384,
            Self::Ec(Curve::P521, _) => algorithm == A::Es512,
            Self::Ed25519(_) => algorithm == A::EdDsa,
            Self::Secret(_) => algorithm.is_secret(),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Rsa { modulus, .. } => {
                let zeros = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
                let bits = (modulus.len() * 8).saturating_sub(zeros);
                if RSA_BITS.contains(&bits) {
                    return Ok(());
                }
                let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
                Err(format!("it is an RSA key of {bits} bits, expected {least} to {most}"))
            }
            Self::Ec(curve, point) if point.len() != 1 + 2 * curve.size() || point[0] != 4 => {
                Err(format!("it is no point of {}", curve.name()))
            }
            Self::Ed25519(point) if point.len() != 32 => Err("it is no key of Ed25519".to_owned()),
            Self::Secret(secret) if secret.len() < SHORTEST_SECRET => {
                Err(format!("it is a secret of less than {SHORTEST_SECRET} bytes"))
            }
            _ => Ok(()),
        }
    }
}

// === impl Curve ===

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The length of a coordinate, in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn thumbprints_are_those_of_the_specifications() {
        // RFC 7638, 3.1.
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let kind = Kind::Rsa { modulus: decode(modulus), exponent: decode("AQAB") };
        let key = Key::new(kind, None).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037, A.3.
        let kind = Kind::Ed25519(decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
        let key = Key::new(kind, None).unwrap();
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_signature_of_the_specification_is_genuine() {
        // RFC 8037, A.4.
        let kind = Kind::Ed25519(decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
        let key = Key::new(kind, None).unwrap();
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = decode(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
        assert!(key.verify(Algorithm::EdDsa, message, &signature));
        assert!(!key.verify(Algorithm::Es256, message, &signature));
        assert!(!key.verify(Algorithm::EdDsa, &message[1..], &signature));
        assert!(!key.verify(Algorithm::EdDsa, message, &signature[1..]));
    }

    #[test]
    fn keys_are_pinned_to_their_algorithms() {
        let rsa = Kind::Rsa { modulus: vec![0xff; 256], exponent: vec![1, 0, 1] };
        let any = Key::new(rsa.clone(), None).unwrap();
        assert!(any.is_for(Algorithm::Rs256) && any.is_for(Algorithm::Ps512));
        assert!(!any.is_for(Algorithm::Hs256) && !any.is_for(Algorithm::Es256));
        let one = Key::new(rsa.clone(), Some(Algorithm::Ps256)).unwrap();
        assert!(one.is_for(Algorithm::Ps256) && !one.is_for(Algorithm::Rs256));
        assert!(Key::new(rsa, Some(Algorithm::Hs256)).is_err());
        let secret = Key::new(Kind::Secret(vec![1; 32]), None).unwrap();
        assert!(secret.is_for(Algorithm::Hs256) && !secret.is_for(Algorithm::Rs256));
    }

    #[test]
    fn weak_keys_are_none() {
        let check = |kind| assert!(Key::new(kind, None).is_err());
        check(Kind::Rsa { modulus: vec![0xff; 128], exponent: vec![3] });
        check(Kind::Rsa { modulus: Vec::new(), exponent: vec![3] });
        check(Kind::Rsa { modulus: vec![0xff; 2048], exponent: vec![3] });
        check(Kind::Ec(Curve::P256, vec![4; 64]));
        check(Kind::Ec(Curve::P256, vec![2; 65]));
        check(Kind::Ed25519(vec![1; 31]));
        check(Kind::Secret(vec![1; 31]));
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(base32(&[0xff; 5]), "77777777");
    }
}
