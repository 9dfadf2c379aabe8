//! What a connection remembers of whoever speaks over it.
//!
//! Clients show the same credentials with each request. Whoever was found out once is recognized by the
//! very same bytes, without a hash of them or a look into what all connections share, for as long as what
//! has proven it holds.

use std::{
    fmt,
    hint::black_box,
    sync::{Mutex, PoisonError},
};

use http::{HeaderMap, HeaderValue, header};

use crate::Identity;

/// Whom a connection knows: one caller at most, who was right.
#[derive(Default)]
pub struct Memo(Mutex<Option<Box<Known>>>);

/// Why somebody still is who they were found to be.
pub trait Lasting: Send + Sync {
    /// Whether it holds now; if not, the credentials are looked at as if for the first time.
    fn lasts(&self) -> bool;
}

struct Known {
    authorization: Box<[u8]>,
    identity: Identity,
}

// === impl Memo ===

impl Memo {
    /// Who has sent these headers, if that is known and still holds.
    pub(crate) fn recall(&self, headers: &HeaderMap) -> Option<Identity> {
        let authorization = only(headers)?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?;
        let lasts = known.identity.lasting.as_ref().is_some_and(|lasting| lasting.lasts());
        (same(&known.authorization, authorization.as_bytes()) && lasts)
            .then(|| known.identity.clone())
    }

    /// Remembers who has sent these headers, if that lasts beyond this moment.
    pub(crate) fn remember(&self, headers: &HeaderMap, identity: &Identity) {
        let Some(authorization) = only(headers) else { return };
        if identity.lasting.is_some() {
            let authorization = authorization.as_bytes().into();
            let known = Known { authorization, identity: identity.clone() };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(known));
        }
    }
}

/// Says nothing of what it remembers.
impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo(…)")
    }
}

/// The credentials, if they stand there once.
fn only(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Compares secrets in a time that does not tell how much of them is equal: a proxy sends requests of many
/// clients over one connection.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    };

    use super::*;

    struct Flag(AtomicBool);

    impl Lasting for Flag {
        fn lasts(&self) -> bool {
            self.0.load(SeqCst)
        }
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let value = |text: &&str| (header::AUTHORIZATION, text.parse().unwrap());
        values.iter().map(value).collect()
    }

    #[test]
    fn the_same_credentials_are_recognized_while_their_proof_holds() {
        let (memo, flag) = (Memo::default(), Arc::new(Flag(true.into())));
        let lasting: Arc<dyn Lasting> = flag.clone();
        let alice = Identity { lasting: Some(lasting), ..Identity::named("alice") };
        let shown = headers(&["Bearer a"]);
        assert!(memo.recall(&shown).is_none());
        memo.remember(&shown, &alice);
        assert_eq!(memo.recall(&shown).unwrap().name(), Some("alice"));
        for other in [&[][..], &["Bearer"], &["Bearer b"], &["Bearer aa"], &["Bearer a"; 2]] {
            assert!(memo.recall(&headers(other)).is_none(), "{other:?}");
        }
        flag.0.store(false, SeqCst);
        assert!(memo.recall(&shown).is_none());
    }

    #[test]
    fn what_holds_only_now_is_not_remembered() {
        let memo = Memo::default();
        for shown in [&["Bearer a"][..], &[], &["Bearer a", "Bearer b"]] {
            memo.remember(&headers(shown), &Identity::named("alice"));
            assert!(memo.recall(&headers(shown)).is_none());
        }
        assert!(!format!("{memo:?}").contains("Bearer"));
    }
}
