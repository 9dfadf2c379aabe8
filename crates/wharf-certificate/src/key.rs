//! The key that a certificate vouches for.

use crate::der::{BIT_STRING, INTEGER, OBJECT, SEQUENCE, take};

/// A public key as a certificate holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// All of it, in DER.
    pub whole: &'a [u8],
    /// The algorithm, an object identifier.
    pub algorithm: &'a [u8],
    /// What else is said about the algorithm: for an elliptic curve, which. Empty if nothing is.
    pub parameter: &'a [u8],
    /// The key.
    pub key: &'a [u8],
}

// === impl PublicKey ===

impl<'a> PublicKey<'a> {
    /// The key at the front.
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let (info, rest) = take(der, SEQUENCE)?;
        let whole = &der[..der.len() - rest.len()];
        let (identifier, bits) = take(info, SEQUENCE)?;
        let (algorithm, parameters) = take(identifier, OBJECT)?;
        let parameter = take(parameters, OBJECT).map_or(&[][..], |(parameter, _)| parameter);
        let (key, _) = take(bits, BIT_STRING)?;
        // The first byte counts bits that are not used, of which a key has none.
        Some(Self { whole, algorithm, parameter, key: key.strip_prefix(&[0])? })
    }

    /// Modulus and exponent, if it is a key of RSA; without zeros in front.
    pub fn rsa(&self) -> Option<(&'a [u8], &'a [u8])> {
        let (numbers, _) = take(self.key, SEQUENCE)?;
        let (modulus, rest) = take(numbers, INTEGER)?;
        let (exponent, _) = take(rest, INTEGER)?;
        Some((without_zeros(modulus), without_zeros(exponent)))
    }
}

/// A number without the zeros in front of it.
pub fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, PublicKeyData};

    use super::*;
    use crate::Certificate;

    #[test]
    fn a_key_is_found_whatever_it_is_made_for() {
        for key in [KeyPair::generate(), KeyPair::generate_for(&PKCS_ED25519)] {
            let key = key.expect("a key");
            let params = CertificateParams::new(Vec::new()).expect("valid");
            let signed = params.self_signed(&key).expect("signed");
            let found = Certificate::parse(signed.der()).expect("one").key().expect("a key");
            assert_eq!((found.key, found.rsa()), (key.der_bytes(), None));
            assert!(found.whole.ends_with(found.key) && !found.algorithm.is_empty());
        }
    }

    #[test]
    fn zeros_in_front_of_a_number_do_not_count() {
        assert_eq!(without_zeros(&[0, 0, 1, 0]), [1, 0]);
        assert_eq!(without_zeros(&[0]), [0_u8; 0]);
    }
}
