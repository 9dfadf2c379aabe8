//! Makes tokens: for registries that give them out themselves, and for tests.

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Algorithm, TokenError,
    key::{Curve, Key, Kind},
};

/// Signs tokens with a key of its own, by ES256.
pub struct Signer {
    pair: EcdsaKeyPair,
    id: String,
}

// === impl Signer ===

impl Signer {
    /// Makes a new key, in PKCS #8.
    pub fn generate() -> Result<Vec<u8>, TokenError> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let document = document.map_err(|_| TokenError("no key can be made".to_owned()))?;
        Ok(document.as_ref().to_vec())
    }

    /// Takes a key of P-256 in PKCS #8.
    pub fn new(key: &[u8]) -> Result<Self, TokenError> {
        let wrong = |_| TokenError("it is no key of P-256 in PKCS #8".to_owned());
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key).map_err(wrong)?;
        let id = public(&pair)?.thumbprint();
        Ok(Self { pair, id })
    }

    /// What checks its signatures.
    #[cfg_attr(not(feature = "issuer"), allow(dead_code, reason = "nothing is given out"))]
    pub(crate) fn public(&self) -> Result<Key, TokenError> {
        public(&self.pair)
    }

    /// The id of the key: its thumbprint.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key, for a JWK set.
    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(Curve::P256.size());
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y),
            "kid": self.id, "alg": "ES256", "use": "sig",
        })
    }

    /// A token that says this.
    pub fn sign(&self, claims: &Value) -> Result<String, TokenError> {
        self.sign_as(&json!({"typ": "JWT", "alg": "ES256", "kid": self.id}), claims)
    }

    /// A token with this header.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> Result<String, TokenError> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.map_err(|_| TokenError("nothing can be signed".to_owned()))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn public(pair: &EcdsaKeyPair) -> Result<Key, TokenError> {
    let point = pair.public_key().as_ref().to_vec();
    Key::new(Kind::Ec(Curve::P256, point), Some(Algorithm::Es256)).map_err(TokenError)
}

/// Says which key, and nothing of it.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.id)
    }
}
