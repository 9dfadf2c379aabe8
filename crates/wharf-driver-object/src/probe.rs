//! What a store really does, found out when the server starts.

use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, Result,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};
use uuid::Uuid;

/// Finds out whether a store can be used, and whether [create-if-absent](create_if_absent) holds in it.
/// One that is only read is asked for one entry of a list instead; then nothing is known of it, which
/// is `false`.
pub async fn probe<S>(store: &S, prefix: &Path, read_only: bool) -> Result<bool>
where
    S: ObjectStore + PaginatedListStore,
{
    if !read_only {
        return create_if_absent(store, prefix).await;
    }
    let first = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
    store.list_paginated(Some(prefix.as_ref()), first).await.map(|_| false)
}

/// Whether create-if-absent holds: some stores take the condition and overwrite all the same. Writes
/// a small object below `prefix` twice, and removes it.
///
/// Where it does not hold, the log says what is not promised. An error is what the store answered to
/// the first write: there is no bucket, no permission, no store.
pub async fn create_if_absent(objects: &dyn ObjectStore, prefix: &Path) -> Result<bool> {
    let name = format!("docker/registry/wharf/probe-{}", Uuid::new_v4().simple());
    let key = match prefix.is_root() {
        true => Path::parse(name)?,
        false => Path::parse(format!("{prefix}/{name}"))?,
    };
    let first = create(objects, &key).await;
    let holds = match first {
        Ok(true) => create(objects, &key).await.map(|created| !created),
        Ok(false) => Ok(false),
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => Ok(false),
        Err(error) => return Err(error),
    };
    if let Err(error) = objects.delete(&key).await {
        tracing::warn!(%key, %error, "the probe of the object store stays behind");
    }
    let holds = holds?;
    if !holds {
        tracing::warn!(
            "this object store ignores create-if-absent: of two requests that write to one upload \
             session at the same moment, both may be told that their bytes are kept though only \
             one's are, and online garbage collection must not be used; nothing else depends on it"
        );
    }
    Ok(holds)
}

async fn create(objects: &dyn ObjectStore, key: &Path) -> Result<bool> {
    let options = PutOptions::from(PutMode::Create);
    match objects.put_opts(key, PutPayload::from_static(b"probe"), options).await {
        Ok(_) => Ok(true),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
