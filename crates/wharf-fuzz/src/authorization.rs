//! `Authorization`: what a request shows to prove who sent it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wharf_auth::Credentials;

use crate::input::text;

/// What is read is what was written, and none of it is printed.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let credentials = Credentials::parse(text);
    assert!(format!("{credentials:?}").len() < 16);
    match credentials {
        Credentials::Basic { user, password } => {
            assert!(!user.contains(':') && !user.contains(char::is_control));
            assert!(!password.contains(char::is_control));
            let again = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            assert!(Credentials::parse(&again) == Credentials::Basic { user, password });
        }
        Credentials::Bearer(token) => {
            assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(!token.contains(['"', ',', '\\']));
        }
        Credentials::None | Credentials::Other => {}
    }
}
