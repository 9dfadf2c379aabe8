//! Sets of keys in JSON (RFC 7517).

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use wharf_certificate::without_zeros;

use super::{
    Algorithm,
    key::{Curve, Key, Kind},
};

/// The keys of a set that can be used, each with its id.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Jwks(pub(crate) Vec<(String, Key)>);

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

/// The most keys of a set.
const MOST: usize = 1000;

// === impl Jwks ===

impl Jwks {
    /// Reads a file, which has to hold a key; the error names it.
    pub(crate) fn read(path: &Path, content: &[u8]) -> Result<Self, String> {
        let wrong = |problem: String| format!("{}: {problem}", path.display());
        let keys = Self::parse(content).map_err(wrong)?;
        if keys.0.is_empty() {
            return Err(wrong("there is no key to check signatures with in it".to_owned()));
        }
        Ok(keys)
    }

    /// Reads a set. Keys of other kinds or purposes are passed over; a key that is broken or too weak
    /// is an error.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, String> {
        let set: Set = serde_json::from_slice(content)
            .map_err(|error| format!("it is no JWK set: {error}"))?;
        if set.keys.len() > MOST {
            return Err(format!("there are more than {MOST} keys in it"));
        }
        let mut keys = Vec::new();
        for (jwk, number) in set.keys.into_iter().zip(1..) {
            let wrong = |problem: String| format!("key {number}: {problem}");
            // Not shown by serde: it could be a private key by mistake.
            let jwk: Jwk =
                serde_json::from_value(jwk).map_err(|_| wrong("it is no JWK".to_owned()))?;
            if let Some(key) = jwk.key().map_err(wrong)? {
                let id = jwk.kid.unwrap_or_else(|| key.thumbprint());
                keys.push((id, key));
            }
        }
        Ok(Self(keys))
    }
}

// === impl Jwk ===

impl Jwk {
    /// The key, `None` if it is not for what we do.
    fn key(&self) -> Result<Option<Key>, String> {
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = |operations: &Vec<String>| operations.iter().any(|one| one == "verify");
        if !signs || !self.key_ops.as_ref().is_none_or(verifies) {
            return Ok(None);
        }
        let only = match self.alg.as_deref() {
            None => None,
            Some(name) => match Algorithm::parse(name) {
                Some(algorithm) => Some(algorithm),
                None => return Ok(None),
            },
        };
        match self.kind()? {
            Some(kind) => Key::new(kind, only).map(Some),
            None => Ok(None),
        }
    }

    fn kind(&self) -> Result<Option<Kind>, String> {
        Ok(Some(match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (modulus, exponent) = (number(&self.n, "n")?, number(&self.e, "e")?);
                let strip = |number: Vec<u8>| without_zeros(&number).to_vec();
                Kind::Rsa { modulus: strip(modulus), exponent: strip(exponent) }
            }
            ("EC", Some(name)) => {
                let Some(curve) = Curve::ALL.into_iter().find(|curve| curve.name() == name) else {
                    return Ok(None);
                };
                let coordinates = [number(&self.x, "x")?, number(&self.y, "y")?];
                if coordinates.iter().any(|one| one.len() != curve.size()) {
                    return Err(format!("it is no point of {name}"));
                }
                Kind::Ec(curve, [&[4][..], &coordinates[0], &coordinates[1]].concat())
            }
            ("OKP", Some("Ed25519")) => Kind::Ed25519(number(&self.x, "x")?),
            ("oct", _) => Kind::Secret(number(&self.k, "k")?),
            _ => return Ok(None),
        }))
    }
}

fn number(text: &Option<String>, name: &str) -> Result<Vec<u8>, String> {
    let text = text.as_ref().ok_or_else(|| format!("{name} is missing"))?;
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("{name} is not base64url"))
}
