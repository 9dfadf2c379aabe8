//! Bearer tokens, and the sets of keys that they are checked with.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use wharf_auth::token::{KeySource, Options, Signer, Token};

/// A set of keys.
struct Keys(Vec<u8>);

#[async_trait]
impl KeySource for Keys {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        Ok(self.0.clone())
    }
}

/// A key that nobody else knows, and a token of it.
static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    Signer::new(&Signer::generate().expect("a key is made")).expect("it is a key")
});

/// No token is taken that the key has not signed: neither the bytes themselves, nor what they say if
/// their lines are its parts.
pub fn check(data: &[u8]) {
    let keys = format!("{{\"keys\": [{}]}}", SIGNER.jwk());
    let token = token(keys.into_bytes());
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(!is_taken(&token, text));
    }
    let parts: Vec<_> = data.splitn(3, |byte| *byte == b'\n').collect();
    let parts: Vec<_> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
    assert!(!is_taken(&token, &parts.join(".")));
}

/// A set of keys is understood or refused; a key that is not in it signs nothing.
pub fn check_keys(data: &[u8]) {
    let claims = r#"{"iss": "i", "aud": "s", "exp": 32503680000}"#.parse().expect("JSON");
    let text = SIGNER.sign(&claims).expect("signed");
    assert!(!is_taken(&token(data.to_vec()), &text));
}

fn token(keys: Vec<u8>) -> Token {
    let key_source = Some(Arc::new(Keys(keys)) as Arc<dyn KeySource>);
    Token::open(Options { key_source, ..Options::new("i", "s") }).expect("there is a source")
}

fn is_taken(token: &Token, text: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    runtime.block_on(token.verify(text, now)).is_ok()
}
