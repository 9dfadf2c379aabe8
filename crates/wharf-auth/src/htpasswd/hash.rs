//! Hashes of passwords.

use std::fmt;

use argon2::{Argon2, PasswordVerifier as _};

/// The hash of a password.
#[derive(Clone)]
pub(crate) struct Hash {
    text: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bcrypt,
    Argon2,
    /// Nothing matches it.
    Unknown,
}

/// The highest cost of bcrypt that is computed: beyond it, a login would last minutes.
const HIGHEST_COST: u32 = 17;

/// What is checked where there is no user at all: the hash of nothing that anybody knows.
const NOBODY: &str = "$2y$10$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK";

// === impl Hash ===

impl Hash {
    /// Reads a hash; the error says why nothing can match it.
    pub(crate) fn parse(text: &str) -> (Self, Option<String>) {
        let kind = kind(text);
        let problem = kind.as_ref().err().cloned();
        (Self { text: text.to_owned(), kind: kind.unwrap_or(Kind::Unknown) }, problem)
    }

    /// One that costs as much as most, and matches nothing.
    pub(crate) fn nobody() -> Self {
        Self { text: NOBODY.to_owned(), kind: Kind::Bcrypt }
    }

    /// Whether it can match anything.
    pub(crate) fn is_known(&self) -> bool {
        self.kind != Kind::Unknown
    }

    /// What changes with the hash of this user, under a key.
    #[cfg(feature = "issuer")]
    pub(crate) fn fingerprint(&self, key: &[u8], user: &str) -> [u8; 32] {
        wharf_digest::hmac::sign(key, &[user.as_bytes(), self.text.as_bytes()])
    }

    /// Whether it is that of this password. Takes long, on purpose.
    pub(crate) fn verify(&self, password: &str) -> bool {
        match self.kind {
            Kind::Bcrypt => bcrypt::verify(password, &self.text).unwrap_or(false),
            Kind::Argon2 => {
                Argon2::default().verify_password(password.as_bytes(), &*self.text).is_ok()
            }
            Kind::Unknown => false,
        }
    }
}

/// Says of which kind it is, and nothing else.
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({:?})", self.kind)
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let bcrypt = ["$2a$", "$2b$", "$2y$", "$2x$"];
    if let Some(rest) = bcrypt.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        let cost = rest.split('$').next().and_then(|cost| cost.parse::<u32>().ok());
        return match cost {
            Some(4..=HIGHEST_COST) if text.len() == 60 => Ok(Kind::Bcrypt),
            Some(cost) if cost > HIGHEST_COST => {
                Err(format!("bcrypt of cost {cost} would take minutes, {HIGHEST_COST} is the most"))
            }
            _ => Err("it is no hash of bcrypt".to_owned()),
        };
    }
    if text.starts_with("$argon2") {
        let well_formed = argon2::PasswordHash::new(text).is_ok();
        return if well_formed {
            Ok(Kind::Argon2)
        } else {
            Err("it is no hash of argon2".to_owned())
        };
    }
    Err("only bcrypt (htpasswd -B) and argon2 are safe enough".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_both_kinds_match_their_password() {
        let salt = *b"0123456789abcdef";
        let bcrypt = bcrypt::hash_with_salt("secret", 4, salt).unwrap();
        for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
            let (hash, problem) = Hash::parse(&bcrypt.format_for_version(version));
            assert!(problem.is_none() && hash.verify("secret") && !hash.verify("Secret"));
            assert!(!hash.verify(""));
        }
        // Of the reference implementation: `echo -n password | argon2 somesalt -t 2 -m 16 -p 4 -l 24`.
        let argon2 = "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG";
        let (hash, problem) = Hash::parse(argon2);
        assert_eq!(problem, None);
        assert!(hash.verify("password") && !hash.verify("Password"));
    }

    #[test]
    fn what_is_not_understood_matches_nothing() {
        for text in [
            "",
            "secret",
            "$apr1$salt$hash",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "$2y$10$short",
            "$2y$31$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK",
            "$2y$xx$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK",
            "$argon2id$v=19$nonsense",
        ] {
            let (hash, problem) = Hash::parse(text);
            assert!(problem.is_some() && !hash.is_known(), "{text}");
            assert!(!hash.verify(text) && !hash.verify("secret"), "{text}");
        }
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let (hash, problem) = Hash::parse(NOBODY);
        assert!(problem.is_none() && hash.is_known());
        assert!(bcrypt::verify("x", NOBODY).is_ok(), "it is really computed");
        assert!(!format!("{hash:?}").contains("abcdef"));
    }
}
