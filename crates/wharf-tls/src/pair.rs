//! A certificate with its key, which may be replaced on disk at any time.

use std::{
    fmt,
    fs::metadata,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use jiff::Timestamp;
use rustls::{
    InconsistentKeys,
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{Error, pem, validity::Validity};

/// The pair that new connections get.
pub(crate) struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    /// `None` until there is one.
    current: RwLock<Option<Arc<CertifiedKey>>>,
    /// The files as they were when they were last read, with or without success.
    seen: Mutex<[Option<Stamp>; 2]>,
}

/// What became of a pair.
#[derive(Debug)]
pub enum Renewal {
    /// The files are as they were.
    Unchanged,
    /// They changed, and new connections get what they hold now.
    Renewed,
    /// They changed and cannot be used; new connections get what was there before.
    Kept(Error),
}

/// What changes when a file is replaced or written to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

// === impl Pair ===

impl Pair {
    pub(crate) fn open(
        certificate: &Path,
        key: &Path,
        awaited: bool,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        // Looked at before they are read: what is written in between is a change.
        let seen = [Stamp::of(certificate), Stamp::of(key)];
        let is_awaited = awaited && seen.contains(&None);
        let current = if is_awaited { None } else { Some(load(certificate, key, &provider)?) };
        Ok(Self {
            current: RwLock::new(current),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider,
            seen: Mutex::new(seen),
        })
    }

    /// Whether there is none, or less than a third of its time is left.
    pub(crate) fn has_aged(&self) -> bool {
        let Some(pair) = self.now() else { return true };
        let validity = pair.cert.first().and_then(Validity::of);
        // What is not understood will not be understood better by asking for another one.
        validity.is_some_and(|validity| validity.has_aged(Timestamp::now()))
    }

    fn now(&self) -> Option<Arc<CertifiedKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again if they are not what they were. It is tried once for each change: of a
    /// pair that is replaced file by file, the second makes it whole.
    pub(crate) fn renew(&self) -> Renewal {
        let now = [Stamp::of(&self.certificate), Stamp::of(&self.key)];
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Renewal::Unchanged;
        }
        *seen = now;
        match load(&self.certificate, &self.key, &self.provider) {
            Ok(pair) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(pair);
                Renewal::Renewed
            }
            Err(error) => Renewal::Kept(error),
        }
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.now()
    }
}

/// Says which files, and nothing of what they hold.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

fn load(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, Error> {
    let chain = pem::certificates(certificate)?;
    let signing_key = provider
        .key_provider
        .load_private_key(pem::key(key)?)
        .map_err(|error| Error::Key { file: key.to_owned(), problem: error.to_string() })?;
    let validity = chain.first().and_then(Validity::of);
    let pair = CertifiedKey::new(chain, signing_key);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(_) => {
            let (certificate, key) = (certificate.to_owned(), key.to_owned());
            return Err(Error::Mismatch { certificate, key });
        }
    }
    let file = certificate.display();
    match validity.as_ref().map(|validity| (validity.problem(Timestamp::now()), validity)) {
        Some((Some(problem), _)) => tracing::warn!("the certificate in {file} {problem}"),
        Some((None, validity)) => tracing::info!(%file, until = validity.end(), "certificate read"),
        None => tracing::warn!("the certificate in {file} has dates that are not understood"),
    }
    Ok(Arc::new(pair))
}

// === impl Stamp ===

impl Stamp {
    /// That of the file which a path leads to, `None` if there is none.
    fn of(path: &Path) -> Option<Self> {
        let found = metadata(path).ok()?;
        Some(Self {
            file: (found.dev(), found.ino()),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}
