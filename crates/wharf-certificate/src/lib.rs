//! What an X.509 certificate says of itself: whose it is, which key it has, and when it is valid.
//!
//! Nothing is verified here: libraries of TLS do that, and tell little of what they have read. A
//! [`Certificate`] that is not understood is none, and so is a part of it.
//!
//! ```
//! # let key = rcgen::KeyPair::generate().unwrap();
//! # let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
//! # params.distinguished_name = rcgen::DistinguishedName::new();
//! # params.distinguished_name.push(rcgen::DnType::CommonName, "node1");
//! # let signed = params.self_signed(&key).unwrap();
//! # let der: &[u8] = signed.der();
//! use wharf_certificate::Certificate;
//!
//! let certificate = Certificate::parse(der).unwrap();
//! assert_eq!(certificate.subject().unwrap().common_names, ["node1"]);
//! assert!(Certificate::parse(b"rubbish").is_none());
//! ```

mod der;
mod key;
mod subject;
mod time;

pub use key::{PublicKey, without_zeros};
pub use subject::Subject;
pub use time::Validity;

use der::{INTEGER, SEQUENCE, take};

/// A certificate, taken apart as far as its parts.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    validity: &'a [u8],
    subject: &'a [u8],
    /// The key, and what is behind it.
    key: &'a [u8],
}

const EXPLICIT_VERSION: u8 = 0xa0;

// === impl Certificate ===

impl<'a> Certificate<'a> {
    /// Takes a certificate in DER apart. What stands behind it does not count.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let (certificate, _) = take(der, SEQUENCE)?;
        let (mut rest, _) = take(certificate, SEQUENCE)?;
        if let Some((_, after)) = take(rest, EXPLICIT_VERSION) {
            rest = after;
        }
        // Serial number, algorithm, issuer.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            rest = take(rest, tag)?.1;
        }
        let (validity, rest) = take(rest, SEQUENCE)?;
        let (subject, key) = take(rest, SEQUENCE)?;
        Some(Self { validity, subject, key })
    }

    /// Whose it is; `None` if a name in it is no text.
    pub fn subject(&self) -> Option<Subject> {
        Subject::read(self.subject)
    }

    /// The key that it vouches for.
    pub fn key(&self) -> Option<PublicKey<'a>> {
        PublicKey::read(self.key)
    }

    /// When it is valid.
    pub fn validity(&self) -> Option<Validity> {
        Validity::read(self.validity)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn nothing_is_made_of_rubbish() {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let whole = params.self_signed(&key).expect("signed");
        let whole: &[u8] = whole.der();
        assert!(Certificate::parse(whole).is_some());
        for length in 0..whole.len() {
            assert!(Certificate::parse(&whole[..length]).is_none(), "{length}");
        }
        for rubbish in
            [&b"\x30\x84\xff\xff\xff\xff"[..], b"\x30\x80", b"\x30\x85\x01\x01\x01\x01\x01"]
        {
            assert!(Certificate::parse(rubbish).is_none(), "{rubbish:?}");
        }
    }
}
