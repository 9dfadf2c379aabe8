//! What a store really does, found out when the server starts.

use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, Result,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};
use uuid::Uuid;

/// Why a store cannot be used: what was tried, and what it answered.
#[derive(Debug)]
pub struct Unusable {
    /// What was tried.
    pub act: Act,
    /// What the store answered.
    pub error: Error,
}

/// What a registry does in its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Write an object.
    Write,
    /// Read one.
    Read,
    /// List what is there.
    List,
    /// Delete an object.
    Delete,
    /// Abort an upload in parts.
    Abort,
    /// Find uploads in parts that nobody finished.
    ListUploads,
}

/// Finds out whether a store can be used, and whether create-if-absent holds: some stores take the
/// condition and overwrite all the same. Writes a small object below `prefix` twice, reads it, asks
/// for one entry of a list, begins an upload in parts and aborts it, and removes the object.
///
/// Where create-if-absent does not hold, the log says what is not promised. A store that is only read
/// is asked for the list and nothing else; then nothing is known of it, which is `false`.
pub async fn probe<S>(store: &S, prefix: &Path, read_only: bool) -> Result<bool, Unusable>
where
    S: ObjectStore + PaginatedListStore,
{
    if read_only {
        return list(store, prefix).await.map(|()| false);
    }
    let key = key(prefix).map_err(Act::Write.failed())?;
    let tried = attempt(store, prefix, &key).await;
    let removed = store.delete(&key).await;
    let holds = tried?;
    match removed.map_err(Act::Delete.failed()) {
        Err(unusable) if unusable.is_denied() => return Err(unusable),
        Err(Unusable { error, .. }) => {
            tracing::warn!(%key, %error, "the probe of the object store stays behind");
        }
        Ok(()) => {}
    }
    if !holds {
        tracing::warn!(
            "this object store ignores create-if-absent: of two requests that write to one upload \
             session at the same moment, both may be told that their bytes are kept though only \
             one's are, and online garbage collection must not be used; nothing else depends on it"
        );
    }
    Ok(holds)
}

fn key(prefix: &Path) -> Result<Path> {
    let name = format!("docker/registry/wharf/probe-{}", Uuid::new_v4().simple());
    match prefix.is_root() {
        true => Ok(Path::parse(name)?),
        false => Ok(Path::parse(format!("{prefix}/{name}"))?),
    }
}

/// Everything but removing it.
async fn attempt<S>(store: &S, prefix: &Path, key: &Path) -> Result<bool, Unusable>
where
    S: ObjectStore + PaginatedListStore,
{
    let holds = match create(store, key).await {
        Ok(true) => create(store, key).await.map(|created| !created),
        Ok(false) => Ok(false),
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    let holds = holds.map_err(Act::Write.failed())?;
    match store.get(key).await {
        // Where the condition is refused, nothing was written.
        Ok(_) | Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(Unusable { act: Act::Read, error }),
    }
    list(store, prefix).await?;
    begin_and_abort(store, key).await?;
    Ok(holds)
}

async fn list<S: PaginatedListStore>(store: &S, prefix: &Path) -> Result<(), Unusable> {
    let first = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
    let listed = store.list_paginated(Some(prefix.as_ref()), first).await;
    listed.map(drop).map_err(Act::List.failed())
}

/// Parts of an upload that cannot be aborted are paid for until somebody else removes them. Whether a store
/// has such uploads at all shows when one is needed.
async fn begin_and_abort(store: &dyn ObjectStore, key: &Path) -> Result<(), Unusable> {
    let tried = async {
        let mut upload = store.put_multipart(key).await.map_err(Act::Write.failed())?;
        upload.abort().await.map_err(Act::Abort.failed())
    };
    match tried.await {
        Err(unusable) if unusable.is_denied() => Err(unusable),
        _ => Ok(()),
    }
}

async fn create(objects: &dyn ObjectStore, key: &Path) -> Result<bool> {
    let options = PutOptions::from(PutMode::Create);
    match objects.put_opts(key, PutPayload::from_static(b"probe"), options).await {
        Ok(_) => Ok(true),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

// === impl Unusable ===

impl Unusable {
    /// Whether it may not be done, and this is no failure that may pass. An answer to a request that deletes
    /// many has a code, and no status.
    pub fn is_denied(&self) -> bool {
        let Self { error, .. } = self;
        matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. })
            || error.to_string().contains("AccessDenied")
    }
}

// === impl Act ===

impl Act {
    fn failed(self) -> impl Fn(Error) -> Unusable {
        move |error| Unusable { act: self, error }
    }

    /// What is done: `write`, `abort uploads`.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::List => "list",
            Self::Delete => "delete",
            Self::Abort => "abort uploads",
            Self::ListUploads => "list unfinished uploads",
        }
    }
}
