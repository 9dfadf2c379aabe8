//! Users and passwords in a file of Apache's format.

mod checks;
mod hash;
mod users;

use std::{path::Path, sync::Arc, time::Instant};

use async_trait::async_trait;
use uuid::Uuid;
use wharf_digest::hmac;

use crate::{
    Authenticate, Credentials, Identity, Lasting, Presented, Rejection, Source,
    watched::{Seen, Watched},
};
use users::Users;

pub use checks::Limits;
pub(crate) use checks::{Checks, Overloaded};

/// Knows the users of a file, which is read again whenever it changes.
pub struct Htpasswd {
    users: Arc<Watched<Users>>,
    checks: Checks,
    /// Under which the results of checks are remembered.
    key: [[u8; 16]; 2],
}

/// The file has not changed since, and it was not too long ago.
struct Unchanged {
    users: Arc<Watched<Users>>,
    generation: u64,
    until: Instant,
}

/// Why a file of passwords cannot be used. The text names the file and the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HtpasswdError(String);

// === impl Htpasswd ===

impl Htpasswd {
    /// Reads the file. A file that is not there is an error: nobody is invented.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, HtpasswdError> {
        if !path.exists() {
            return Err(HtpasswdError(format!(
                "{} does not exist: make it with `htpasswd -B -c {0} USER`",
                path.display()
            )));
        }
        let users = Arc::new(Watched::open(path, Users::read).map_err(HtpasswdError)?);
        let first = users.now().value;
        for problem in first.problems() {
            tracing::warn!("{problem}");
        }
        if first.is_empty() {
            tracing::warn!("{} has no users: nobody can log in", path.display());
        }
        let key = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()];
        Ok(Self { users, checks: Checks::new(limits), key })
    }

    /// Says which users of a file of this content could not log in, and why.
    pub fn problems(file: &Path, content: &[u8]) -> Result<Vec<String>, HtpasswdError> {
        let users = Users::read(file, content).map_err(HtpasswdError)?;
        Ok(users.problems().to_vec())
    }

    /// Whether there is such a user, who can log in.
    pub fn knows(&self, user: &str) -> Result<bool, Rejection> {
        let (_, known) = self.now()?.value.hash(user);
        Ok(known)
    }

    /// What changes with the password of a user, under a key; `None` if there is no such user.
    #[cfg(feature = "issuer")]
    pub(crate) fn fingerprint(
        &self,
        user: &str,
        key: &[u8],
    ) -> Result<Option<[u8; 32]>, Rejection> {
        let (hash, known) = self.now()?.value.hash(user);
        Ok(known.then(|| hash.fingerprint(key, user)))
    }

    /// Grows with every change of the file.
    #[cfg(feature = "issuer")]
    pub(crate) fn generation(&self) -> Result<u64, Rejection> {
        Ok(self.now()?.generation)
    }

    /// Whether the file can be used now, and is of this generation.
    #[cfg(feature = "issuer")]
    pub(crate) fn is_of(&self, generation: u64) -> bool {
        self.users.is_of(generation)
    }

    /// The users, unless they cannot be read.
    fn now(&self) -> Result<Seen<Users>, Rejection> {
        let seen = self.users.now();
        match seen.problem {
            Some(problem) => Err(Rejection::Unavailable(problem)),
            None => Ok(seen),
        }
    }

    fn unchanged(&self, generation: u64) -> Unchanged {
        let until = Instant::now() + self.checks.remember();
        Unchanged { users: Arc::clone(&self.users), generation, until }
    }

    async fn check(&self, user: &str, password: &str, presented: &Presented<'_>) -> Checked {
        let seen = self.now()?;
        // A change of the file makes every result a stranger.
        let generation = seen.generation.to_le_bytes();
        let parts = [&generation[..], user.as_bytes(), password.as_bytes()];
        let key = hmac::sign(self.key.as_flattened(), &parts);
        // A user that is not there costs as much time as one that is.
        let (hash, known) = seen.value.hash(user);
        let password = password.to_owned();
        let verify = move || hash.verify(&password) && known;
        match self.checks.check(key, presented.client, user, verify).await {
            Ok(true) => Ok(Identity {
                source: Source::Password,
                lasting: Some(Arc::new(self.unchanged(seen.generation))),
                ..Identity::named(user)
            }),
            Ok(false) => Err(Rejection::Invalid("wrong user or password".to_owned())),
            Err(Overloaded) => Err(Rejection::Busy(Checks::RETRY_AFTER)),
        }
    }
}

// === impl Unchanged ===

impl Lasting for Unchanged {
    fn lasts(&self) -> bool {
        self.users.is_of(self.generation) && Instant::now() < self.until
    }
}

type Checked = Result<Identity, Rejection>;

#[async_trait]
impl Authenticate for Htpasswd {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Checked> {
        match presented.credentials {
            Credentials::Basic { user, password } => {
                Some(self.check(user, password, presented).await)
            }
            _ => None,
        }
    }
}
