//! The three parts of a signed token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use super::Algorithm;

/// A token in its parts, of which nothing is believed yet.
pub(crate) struct Jws<'a> {
    pub(crate) algorithm: Algorithm,
    /// Which key has signed it, as it says.
    pub(crate) key_id: Option<String>,
    /// The certificate of that key and those that lead to an authority, in DER, as it says.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// What is signed.
    pub(crate) message: &'a [u8],
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// As much of the header as is looked at. `jku` and `x5u` are not.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    x5c: Option<Vec<String>>,
    /// Only for the id in it: libtrust writes ids there.
    jwk: Option<EmbeddedKey>,
    crit: Option<Value>,
    b64: Option<Value>,
}

#[derive(Deserialize)]
struct EmbeddedKey {
    kid: Option<String>,
}

/// The longest chain of certificates.
const LONGEST_CHAIN: usize = 8;

// === impl Jws ===

impl<'a> Jws<'a> {
    /// Takes a token apart; the error says what is wrong with it.
    pub(crate) fn parse(token: &'a str) -> Result<Self, String> {
        let malformed = || "the token is no JWT".to_owned();
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|_| "the header of the token is malformed".to_owned())?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err("the token asks for what is not understood (crit, b64)".to_owned());
        }
        let algorithm = Algorithm::parse(&header.alg).ok_or_else(|| {
            format!("the token is signed by an unknown algorithm {:?}", cut(&header.alg))
        })?;
        Ok(Self {
            algorithm,
            certificates: chain(header.x5c.unwrap_or_default())?,
            key_id: header.kid.or_else(|| header.jwk.and_then(|key| key.kid)),
            message: message.as_bytes(),
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

fn chain(texts: Vec<String>) -> Result<Vec<Vec<u8>>, String> {
    use base64::engine::general_purpose::STANDARD;
    if texts.len() > LONGEST_CHAIN {
        return Err("the token has too many certificates".to_owned());
    }
    let decode = |text: &String| STANDARD.decode(text);
    let chain: Result<Vec<_>, _> = texts.iter().map(decode).collect();
    chain.map_err(|_| "a certificate of the token is malformed".to_owned())
}

/// As much of a stranger's text as fits into a log.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
