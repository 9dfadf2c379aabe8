//! What the tests share.

use std::sync::Arc;

use tempfile::TempDir;
use wharf_core::{BlobWriter, CreateOptions, CreateOutcome, Namespace, Repository, RequestContext};
use wharf_digest::Digest;
use wharf_driver::{Driver, MemoryDriver, PutMode, StoragePath};
use wharf_driver_fs::FsDriver;
use wharf_driver_object::ObjectDriver;
use wharf_reference::RepositoryName;
use wharf_storage::{Options, StorageNamespace};

/// A driver, and the folder that goes with it.
pub(crate) struct Place {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) folder: Option<TempDir>,
}

/// One of each driver.
pub(crate) fn places() -> Vec<Place> {
    vec![in_memory(), on_disk(), in_objects()]
}

/// One of each driver on this machine: it is asked whenever it matters what is there, and an upload
/// session has one writer at a time.
pub(crate) fn near_places() -> Vec<Place> {
    vec![in_memory(), on_disk()]
}

pub(crate) fn in_memory() -> Place {
    Place { driver: Arc::new(MemoryDriver::new()), folder: None }
}

pub(crate) fn in_objects() -> Place {
    Place { driver: Arc::new(ObjectDriver::in_memory()), folder: None }
}

pub(crate) fn on_disk() -> Place {
    let folder = TempDir::new().unwrap();
    let driver = FsDriver::new(folder.path(), wharf_driver_fs::Options::default()).unwrap();
    Place { driver: Arc::new(driver), folder: Some(folder) }
}

pub(crate) fn repository(driver: &Arc<dyn Driver>, options: Options) -> Arc<dyn Repository> {
    repository_named(driver, options, "library/a")
}

pub(crate) fn repository_named(
    driver: &Arc<dyn Driver>,
    options: Options,
    text: &str,
) -> Arc<dyn Repository> {
    let namespace = StorageNamespace::new(Arc::clone(driver), options);
    namespace.repository(&name(text), &RequestContext::internal("test"))
}

pub(crate) fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

pub(crate) async fn begin(repository: &dyn Repository) -> wharf_core::Result<Box<dyn BlobWriter>> {
    begin_with(repository, CreateOptions::default()).await
}

pub(crate) async fn begin_with(
    repository: &dyn Repository,
    options: CreateOptions,
) -> wharf_core::Result<Box<dyn BlobWriter>> {
    match repository.blobs().create(options).await? {
        CreateOutcome::Upload(writer) => Ok(writer),
        CreateOutcome::Mounted { from, .. } => panic!("mounted from {from}"),
    }
}

pub(crate) async fn push(repository: &dyn Repository, content: &[u8]) -> Digest {
    let mut writer = begin(repository).await.unwrap();
    writer.write(content.to_vec().into()).await.unwrap();
    let digest = Digest::sha256(content);
    writer.commit(&digest).await.unwrap();
    digest
}

/// The whole blob, `None` if it is unknown.
pub(crate) async fn pull(repository: &dyn Repository, digest: &Digest) -> Option<Vec<u8>> {
    match repository.blobs().get(digest, 64 << 20).await {
        Ok(bytes) => Some(bytes.to_vec()),
        Err(error) if error.is_unknown() => None,
        Err(error) => panic!("{error:?}"),
    }
}

pub(crate) fn path(text: &str) -> StoragePath {
    StoragePath::parse(text).unwrap()
}

pub(crate) fn data_of(digest: &Digest) -> StoragePath {
    let (algorithm, hex) = (digest.algorithm().name(), digest.encoded());
    path(&format!("docker/registry/v2/blobs/{algorithm}/{}/{hex}/data", &hex[..2]))
}

pub(crate) fn link_of(repository: &str, digest: &Digest) -> StoragePath {
    let (algorithm, hex) = (digest.algorithm().name(), digest.encoded());
    path(&format!("docker/registry/v2/repositories/{repository}/_layers/{algorithm}/{hex}/link"))
}

pub(crate) fn uploads_of(repository: &str) -> StoragePath {
    path(&format!("docker/registry/v2/repositories/{repository}/_uploads"))
}

pub(crate) async fn store(driver: &dyn Driver, path: &StoragePath, content: &str) {
    let content = content.as_bytes().to_vec().into();
    driver.put(path, content, PutMode::Overwrite).await.unwrap();
}

/// Bytes that do not repeat for a while.
pub(crate) fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
