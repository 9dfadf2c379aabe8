//! A store that crashes, other programs or strangers have written: links, manifests, entries of
//! referrers, sessions.
//!
//! ```text
//! {blob}
//! {"schemaVersion":2}
//! ====
//! repositories/a/_manifests/tags/latest/current/link
//! sha256:{hex}
//! ```
//!
//! Each part is a file: its path below `docker/registry/v2`, and its content. `{blob}` is the path of a
//! blob with that content, `{hex}` the hash of the last one, `{session}` the upload session `u`, whose
//! first line are its bytes and whose rest is the saved state of their hash.

use std::sync::Arc;

use bytes::Bytes;
use wharf_core::{
    Fetched, GetOptions, Namespace, Page, PageRequest, Repository, RequestContext, UploadId,
};
use wharf_digest::Digest;
use wharf_driver::{Driver, MemoryDriver, PutMode, StoragePath};
use wharf_reference::{RepositoryName, Tag};
use wharf_storage::{Options, StorageNamespace};

use crate::input::{block_on, parts, split, text};

const NEXT: &[u8] = b"\n====\n";

/// The most files of one input.
const MOST: usize = 24;

/// The most entries of a page that is asked for.
const PAGE: usize = 3;

const STARTED_AT: &str = "repositories/a/_uploads/u/startedat";

/// Whatever lies in the store, reading it ends, with what can be read or with an error.
pub fn check(data: &[u8]) {
    let driver = MemoryDriver::new();
    let options = Options { delete: true, ..Options::default() };
    let namespace = StorageNamespace::new(Arc::new(driver.clone()), options);
    block_on(async {
        let mut hex = Digest::sha256(b"").encoded();
        for part in parts(data, NEXT, MOST) {
            let _ = write(&driver, part, &mut hex).await;
        }
        let names = namespace.repositories(PageRequest::first(PAGE)).await;
        let names = names.map(|page| ordered(page, RepositoryName::as_str)).unwrap_or_default();
        let own = RepositoryName::parse("a").expect("a constant");
        for name in names.into_iter().chain([own]) {
            let repository = namespace.repository(&name, &RequestContext::internal("fuzz"));
            read(&*repository).await;
            finish(&*repository, data).await;
        }
    });
}

/// Writes the file that a part means; `None` if its path is none.
async fn write(driver: &MemoryDriver, part: &[u8], hex: &mut String) -> Option<()> {
    let (path, content) = split(part, b"\n");
    let path = text(path)?;
    if path == "{session}" {
        return session(driver, content).await;
    }
    let content = match text(content) {
        Some(text) => Bytes::from(text.replace("{hex}", hex)),
        None => Bytes::copy_from_slice(content),
    };
    let path = match path {
        "{blob}" => {
            *hex = Digest::sha256(&content).encoded();
            format!("blobs/sha256/{}/{hex}/data", &hex[..2])
        }
        path => path.replace("{hex}", hex),
    };
    put(driver, &path, content).await
}

async fn put(driver: &MemoryDriver, path: &str, content: Bytes) -> Option<()> {
    let path = below(path)?;
    driver.put(&path, content, PutMode::Overwrite).await.ok().map(|_| ())
}

async fn session(driver: &MemoryDriver, content: &[u8]) -> Option<()> {
    let (bytes, state) = split(content, b"\n");
    put(driver, STARTED_AT, Bytes::from_static(b"2026-01-02T03:04:05Z")).await?;
    let mut upload = driver.begin_upload(&below("repositories/a/_uploads/u")?, None).await.ok()?;
    upload.append(vec![Bytes::copy_from_slice(bytes)]).await.ok()?;
    upload.save(Bytes::copy_from_slice(state)).await.ok()
}

fn below(path: &str) -> Option<StoragePath> {
    StoragePath::parse(&format!("docker/registry/v2/{path}")).ok()
}

/// Asks a repository for everything that it has.
async fn read(repository: &dyn Repository) {
    let tags = repository.tags().list(PageRequest::first(PAGE)).await;
    let tags = tags.map(|page| ordered(page, Tag::as_str)).unwrap_or_default();
    for tag in &tags {
        let Ok(digest) = repository.tags().get(tag).await else { continue };
        let _ = (repository.tags().history(tag).await, repository.tags().lookup(&digest).await);
        let fetched = repository.manifests().get(&digest.into(), GetOptions::default()).await;
        if let Ok(Fetched::Manifest(manifest)) = fetched {
            assert!(manifest.digest().matches(manifest.bytes()));
        }
        let _ = repository.blobs().stat(&digest).await;
        if let Some(referrers) = repository.referrers() {
            let page = referrers.referrers(&digest, None, PageRequest::first(PAGE)).await;
            let digests = page.map(|page| page.items.into_iter().map(|it| it.digest).collect());
            assert!(digests.unwrap_or_else(|_| Vec::new()).is_sorted());
        }
    }
    if let Some(enumerator) = repository.manifests().enumerator() {
        let _ = enumerator.enumerate(PageRequest::first(PAGE)).await;
    }
    if let Some(enumerator) = repository.blobs().enumerator() {
        let _ = enumerator.enumerate(PageRequest::first(PAGE)).await;
    }
}

/// Takes the upload session up and ends it, with the digest of its bytes: whatever was saved of their
/// hash, what is published is what was named.
async fn finish(repository: &dyn Repository, data: &[u8]) {
    let id = UploadId::parse("u").expect("a constant");
    let Ok(status) = repository.blobs().status(&id).await else { return };
    let Ok(mut writer) = repository.blobs().resume(&id).await else { return };
    assert_eq!((writer.size(), writer.id()), (status.size, &id));
    let digest = Digest::sha256(session_bytes(data));
    if writer.commit(&digest).await.is_ok() {
        let stored = repository.blobs().get(&digest, u64::MAX).await.expect("it was just stored");
        assert!(digest.matches(&stored));
    }
}

/// The bytes of the last session of the input.
fn session_bytes(data: &[u8]) -> &[u8] {
    let sessions = parts(data, NEXT, MOST).filter_map(|part| part.strip_prefix(b"{session}\n"));
    sessions.last().map_or(&[], |content| split(content, b"\n").0)
}

/// The entries of a page, which are in order and no more than were asked for.
fn ordered<T>(page: Page<T>, text: impl Fn(&T) -> &str) -> Vec<T> {
    assert!(page.items.len() <= PAGE);
    assert!(page.items.is_sorted_by(|a, b| text(a) < text(b)));
    page.items
}
