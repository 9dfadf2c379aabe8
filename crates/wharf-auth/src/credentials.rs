//! What a request shows to prove who sent it.

use std::{borrow::Cow, fmt};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, header};

/// What a request shows to prove who sent it. Not to be printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// Nothing; also a user without a name and password, as some clients say that.
    None,
    /// A user and a password.
    Basic {
        /// The name.
        user: Cow<'a, str>,
        /// The password.
        password: Cow<'a, str>,
    },
    /// A token.
    Bearer(&'a str),
    /// Something else, or something that is broken.
    Other,
}

/// No user and password are longer together, in characters of base64.
const LONGEST_BASIC: usize = 8 << 10;

/// Base64 as clients write it, with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

// === impl Credentials ===

impl<'a> Credentials<'a> {
    /// Reads `Authorization`. A request with two of them shows nothing that could be relied on.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(value), None) => value.to_str().map_or(Self::Other, Self::parse),
            _ => Self::Other,
        }
    }

    /// Reads the value of an `Authorization`.
    pub fn parse(text: &'a str) -> Self {
        let Some((scheme, rest)) = text.trim().split_once(' ') else { return Self::Other };
        let rest = rest.trim_start();
        if scheme.eq_ignore_ascii_case("bearer") && is_token(rest) {
            return Self::Bearer(rest);
        }
        if scheme.eq_ignore_ascii_case("basic") {
            return basic(rest).unwrap_or(Self::Other);
        }
        Self::Other
    }
}

/// Says of which kind they are, and nothing of what they are.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(…)",
            Self::Bearer(_) => "Bearer(…)",
            Self::Other => "Other",
        })
    }
}

fn basic(text: &str) -> Option<Credentials<'static>> {
    if text.len() > LONGEST_BASIC {
        return None;
    }
    let decoded = String::from_utf8(LENIENT.decode(text).ok()?).ok()?;
    if decoded.chars().any(char::is_control) {
        return None;
    }
    let (user, password) = decoded.split_once(':')?;
    if user.is_empty() && password.is_empty() {
        return Some(Credentials::None);
    }
    let (user, password) = (Cow::Owned(user.to_owned()), Cow::Owned(password.to_owned()));
    Some(Credentials::Basic { user, password })
}

/// The grammar of RFC 6750.
fn is_token(text: &str) -> bool {
    let token = text.trim_end_matches('=');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !token.is_empty() && token.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn basic(text: &str, user: &str, password: &str) {
        let expected = Credentials::Basic { user: user.into(), password: password.into() };
        assert!(Credentials::parse(text) == expected, "{text}");
    }

    #[test]
    fn users_and_passwords_are_read() {
        basic("Basic YTpi", "a", "b");
        basic("bAsIc   YTpi", "a", "b");
        // "a:b:c", and without padding "a:bc".
        basic("Basic YTpiOmM=", "a", "b:c");
        basic("Basic YTpiYw", "a", "bc");
        basic("Basic w6Q6w7Y=", "ä", "ö");
        basic("Basic YTo=", "a", "");
        basic("Basic OmI=", "", "b");
    }

    #[test]
    fn nobody_is_no_user() {
        assert_eq!(Credentials::parse("Basic Og=="), Credentials::None);
        assert_eq!(Credentials::of(&HeaderMap::new()), Credentials::None);
    }

    #[test]
    fn tokens_are_read() {
        for token in ["abc", "a.b-c_d~e+f/g==", "x"] {
            let text = format!("Bearer {token}");
            assert_eq!(Credentials::parse(&text), Credentials::Bearer(token));
        }
    }

    #[test]
    fn what_is_broken_is_something_else() {
        for text in [
            "",
            "Basic",
            "Bearer",
            "Bearer ",
            "Bearer =",
            "Bearer a b",
            "Bearer a,b",
            "Basic !",
            "Basic YWI=",
            "Basic YToKYg==",
            "Basic /zr/",
            "Digest username=a",
            "BasicYTpi",
        ] {
            assert_eq!(Credentials::parse(text), Credentials::Other, "{text:?}");
        }
        let long = format!("Basic {}", "A".repeat(LONGEST_BASIC + 4));
        assert_eq!(Credentials::parse(&long), Credentials::Other);
        let mut twice = HeaderMap::new();
        twice.append("authorization", "Bearer a".parse().unwrap());
        twice.append("authorization", "Bearer b".parse().unwrap());
        assert_eq!(Credentials::of(&twice), Credentials::Other);
    }

    #[test]
    fn credentials_are_not_printed() {
        for text in ["Basic dXNlcjpzM2NyZXQ=", "Bearer s3cret"] {
            let shown = format!("{:?}", Credentials::parse(text));
            assert!(!shown.contains("s3cret") && !shown.contains("user"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_parser(text in "\\PC{0,64}") {
            let _ = Credentials::parse(&text);
            let _ = Credentials::parse(&format!("Basic {text}"));
        }
    }
}
