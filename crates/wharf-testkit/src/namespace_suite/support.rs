//! What the tests of registries have in common.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::ByteRange;
use wharf_core::{
    BlobWriter, CreateOptions, CreateOutcome, Error, ErrorKind, Fetched, GetOptions, ManifestBytes,
    MayPull, Namespace, Page, PageRequest, PutOptions, Repository, RequestContext, Result, Stored,
    UploadId,
};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Built, Descriptor, ImageBuilder, MediaType, media_types};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};

/// A registry under test.
pub(super) type Registry = Arc<dyn Namespace>;

/// A repository of it.
pub(super) type Repo = Arc<dyn Repository>;

/// More than any content of these tests.
pub(super) const LIMIT: u64 = 64 * 1024 * 1024;

/// Lets a caller pull from some repositories.
pub(super) struct Readable(pub(super) &'static [&'static str]);

#[async_trait]
impl MayPull for Readable {
    async fn may_pull(&self, name: &RepositoryName) -> bool {
        self.0.contains(&name.as_str())
    }
}

pub(super) fn repository(registry: &Registry, name: &str) -> Repo {
    registry.repository(&self::name(name), &RequestContext::internal("test"))
}

pub(super) fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

pub(super) fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

pub(super) fn media_type(text: &str) -> MediaType {
    MediaType::parse(text).unwrap()
}

/// The digest of content that nobody has pushed.
pub(super) fn unknown() -> Digest {
    Digest::sha256(b"nobody has pushed this")
}

// === blobs ===

pub(super) async fn push(repo: &Repo, content: impl Into<Bytes>) -> Descriptor {
    repo.blobs().put(&MediaType::octet_stream(), content.into()).await.unwrap()
}

pub(super) async fn read(repo: &Repo, digest: &Digest) -> Result<Bytes> {
    repo.blobs().get(digest, LIMIT).await
}

/// The bytes of a range, and where they are.
pub(super) async fn read_range(
    repo: &Repo,
    digest: &Digest,
    range: ByteRange,
) -> Result<(std::ops::Range<u64>, Bytes)> {
    let reader = repo.blobs().open(digest, Some(range)).await?;
    Ok((reader.range, reader.content.collect(LIMIT).await.unwrap()))
}

pub(super) async fn is_there(repo: &Repo, digest: &Digest) -> bool {
    match repo.blobs().stat(digest).await {
        Ok(_) => true,
        Err(error) if matches!(error.kind(), ErrorKind::BlobUnknown(d) if d == digest) => false,
        Err(error) => panic!("{error:?}"),
    }
}

// === uploads ===

pub(super) async fn begin(repo: &Repo, options: CreateOptions) -> Box<dyn BlobWriter> {
    match repo.blobs().create(options).await.unwrap() {
        CreateOutcome::Upload(writer) => writer,
        CreateOutcome::Mounted { .. } => panic!("nothing was to be mounted"),
    }
}

/// Resumes a session whose writer was just dropped: what it still has to do may take a moment.
pub(super) async fn resume(repo: &Repo, id: &UploadId) -> Box<dyn BlobWriter> {
    loop {
        match repo.blobs().resume(id).await {
            Ok(writer) => return writer,
            Err(error) if matches!(error.kind(), ErrorKind::UploadBusy(_)) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

// === manifests ===

/// An image of a configuration and a layer, which are pushed. Its bytes differ with `seed`.
pub(super) async fn image(repo: &Repo, seed: &str) -> ImageBuilder {
    let config = push(repo, format!(r#"{{"seed":"{seed}"}}"#)).await;
    let layer = push(repo, format!("layer {seed}")).await;
    let typed = |descriptor, text| Descriptor { media_type: media_type(text), ..descriptor };
    ImageBuilder::new(typed(config, media_types::OCI_CONFIG))
        .layer(typed(layer, media_types::OCI_LAYER_GZIP))
}

pub(super) fn manifest(built: Built) -> ManifestBytes {
    ManifestBytes::new(built.media_type, built.bytes, Algorithm::Sha256)
}

pub(super) async fn put(repo: &Repo, manifest: &ManifestBytes, tags: &[&str]) -> Stored {
    let tags = tags.iter().map(|text| tag(text)).collect();
    let options = PutOptions { tags, ..PutOptions::default() };
    repo.manifests().put(manifest.clone(), options).await.unwrap()
}

/// Pushes an image and everything that it needs.
pub(super) async fn push_image(repo: &Repo, seed: &str, tags: &[&str]) -> ManifestBytes {
    let manifest = manifest(image(repo, seed).await.build());
    put(repo, &manifest, tags).await;
    manifest
}

pub(super) async fn fetch(repo: &Repo, reference: impl Into<TagOrDigest>) -> Result<ManifestBytes> {
    match repo.manifests().get(&reference.into(), GetOptions::default()).await? {
        Fetched::Manifest(manifest) => Ok(manifest),
        Fetched::NotModified(_) => panic!("the caller has nothing"),
    }
}

/// Whether there is such a manifest; every way to ask agrees.
pub(super) async fn has(repo: &Repo, reference: impl Into<TagOrDigest>) -> bool {
    let reference = reference.into();
    let resolved = repo.manifests().resolve(&reference).await;
    let fetched = fetch(repo, reference.clone()).await;
    match (resolved, fetched) {
        (Ok(descriptor), Ok(manifest)) => {
            assert_eq!(descriptor, manifest.descriptor());
            true
        }
        (Err(resolved), Err(fetched)) => {
            for error in [resolved, fetched] {
                let ErrorKind::ManifestUnknown { repository, reference: unknown } = error.kind()
                else {
                    panic!("{error:?}")
                };
                assert_eq!((repository, unknown), (repo.name(), &reference));
            }
            false
        }
        (resolved, fetched) => panic!("resolve says {resolved:?}, get says {fetched:?}"),
    }
}

pub(super) fn assert_tag_unknown<T: fmt::Debug>(result: Result<T>, text: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TagUnknown(t) if t.as_str() == text), "{error:?}");
}

/// The digests that an error names as missing, sorted.
pub(super) fn missing(error: Error) -> Vec<Digest> {
    match error.into_kind() {
        ErrorKind::ManifestReferencesUnknown(mut missing) => {
            missing.sort();
            missing
        }
        other => panic!("{other:?}"),
    }
}

// === pages ===

/// Reads a list to its end, and holds every page against the promises of pages.
pub(super) async fn walk<T: ToString, F>(
    mut after: Option<String>,
    limit: usize,
    list: impl Fn(PageRequest) -> F,
) -> Vec<T>
where
    F: Future<Output = Result<Page<T>>>,
{
    let mut all: Vec<T> = Vec::new();
    loop {
        let page = list(PageRequest { after: after.clone(), limit }).await.unwrap();
        assert!(page.items.len() <= limit, "{} entries in a page of {limit}", page.items.len());
        let more = page.next.is_some();
        assert!(more || after.is_none() || all.is_empty() || !page.items.is_empty(), "empty end");
        all.extend(page.items);
        if !more {
            return all;
        }
        assert_ne!(page.next, after, "the list does not go on");
        after = page.next;
    }
}

/// Reads a list in pages of many sizes, from its start, from every entry, and from `between`: texts
/// that could be entries and are not. It has to hold `expected` in byte order.
pub(super) async fn assert_pages<T: ToString, F>(
    expected: impl IntoIterator<Item = impl ToString>,
    between: &[&str],
    list: impl Fn(PageRequest) -> F,
) where
    F: Future<Output = Result<Page<T>>>,
{
    let mut expected: Vec<_> = expected.into_iter().map(|entry| entry.to_string()).collect();
    expected.sort();
    let between = between.iter().map(|text| text.to_string());
    let places: Vec<_> = expected.iter().cloned().chain(between).map(Some).chain([None]).collect();
    for limit in [1, 2, 3, expected.len().max(1), expected.len() + 1, usize::MAX] {
        for after in &places {
            let follows = |entry: &&String| after.as_ref().is_none_or(|after| *entry > after);
            let expected: Vec<_> = expected.iter().filter(follows).cloned().collect();
            let found = walk(after.clone(), limit, &list).await;
            let found: Vec<_> = found.iter().map(T::to_string).collect();
            assert_eq!(found, expected, "after {after:?}, {limit} a page");
        }
    }
}
