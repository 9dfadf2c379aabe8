//! What a client shows when it has to say who it is, and what servers are told of it.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use wharf_auth::token::Signer;

use super::data::APP;
use crate::Outcome;

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// By a user's name and password.
    Password,
    /// By a token that somebody else has signed.
    Token,
}

/// A key of whoever issues tokens, and one that they have issued.
struct Issuer {
    keys: String,
    token: String,
}

/// `bench:a good password`
const BASIC: &str = "Authorization: Basic YmVuY2g6YSBnb29kIHBhc3N3b3Jk\r\n";
const PASSWORDS: &str = "bench:$2b$10$abcdefghijklmnopqrstuutpG0GM0aMNnoNHoRFXpjhKGdP/M8nv2\n";

/// For how long the token is good, in seconds: no run takes longer.
const VALID: u64 = 24 * 3600;

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let key = Signer::generate().expect("a key is made");
    let signer = Signer::new(&key).expect("it is a key");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let access = json!([{ "type": "repository", "name": APP, "actions": ["pull"] }]);
    let claims = json!({
        "iss": "issuer", "aud": "bench", "sub": "bench", "jti": "1", "access": access,
        "iat": now, "nbf": now - 10, "exp": now + VALID,
    });
    Issuer {
        keys: json!({ "keys": [signer.jwk()] }).to_string(),
        token: signer.sign(&claims).expect("it is signed"),
    }
});

// === impl Login ===

impl Login {
    /// The section of the configuration; the files that it names go to `folder`.
    pub(crate) fn section(self, folder: &Path) -> Outcome<String> {
        let write = |name: &str, text: &str| -> Outcome<String> {
            let path = folder.join(name);
            fs::write(&path, text)?;
            Ok(path.display().to_string())
        };
        Ok(match self {
            Self::Password => {
                format!("auth: {{htpasswd: {{realm: r, path: {}}}}}\n", write("users", PASSWORDS)?)
            }
            Self::Token => format!(
                "auth: {{token: {{realm: 'http://127.0.0.1:1/token', service: bench, issuer: issuer, \
                 jwks: {}}}}}\n",
                write("keys.json", &ISSUER.keys)?
            ),
        })
    }

    /// The header of a request.
    pub(crate) fn header(self) -> String {
        match self {
            Self::Password => BASIC.to_owned(),
            Self::Token => format!("Authorization: Bearer {}\r\n", ISSUER.token),
        }
    }
}
