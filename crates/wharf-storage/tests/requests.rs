//! How many requests reads of a store cost that is another machine, and that none of them is spared
//! at the price of the truth.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use wharf_cache::MokaDescriptorCache;
use wharf_core::{
    BlobDescriptorCache, BlobDescriptorService, CreateOptions, CreateOutcome, Fetched, GetOptions,
    ManifestBytes, Namespace, PageRequest, PutOptions, Repository, RequestContext, Result,
};
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, MemoryDriver, PutMode, StoragePath};
use wharf_manifest::{Descriptor, MediaType};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};
use wharf_storage::{Options, StorageNamespace};
use wharf_testkit::faults::{Faults, FaultyDriver};

/// A repository, as one process sees it.
struct Replica {
    repository: Arc<dyn Repository>,
    requests: Arc<Faults>,
}

/// A store with an image that is tagged `latest`.
struct Store {
    driver: Arc<MemoryDriver>,
    layer: Digest,
    manifest: Digest,
}

// === impl Store ===

impl Store {
    async fn with_an_image() -> Self {
        let driver = Arc::new(MemoryDriver::new());
        let (layer, manifest) = (Digest::sha256(b"layer"), Digest::sha256(b""));
        let mut store = Self { driver, layer, manifest };
        store.manifest = store.push("layer").await;
        store
    }

    /// Another process over the same store.
    fn replica(&self) -> Replica {
        let inner = Arc::clone(&self.driver) as Arc<dyn Driver>;
        Replica::new(inner, true, MokaDescriptorCache::default())
    }

    /// Tags an image of one layer, by a process of its own.
    async fn push(&self, layer: &'static str) -> Digest {
        let replica = self.replica();
        let layer = replica.push_blob(layer).await;
        let manifest = image(&layer);
        let options = PutOptions { tags: vec![tag()], ..PutOptions::default() };
        replica.repository.blobs().put(&MediaType::octet_stream(), "{}".into()).await.unwrap();
        replica.repository.manifests().put(manifest.clone(), options).await.unwrap();
        manifest.digest()
    }

    async fn remove(&self, path: &str) {
        self.driver.delete(&StoragePath::parse(path).unwrap()).await.unwrap();
    }
}

// === impl Replica ===

impl Replica {
    fn new(
        inner: Arc<dyn Driver>,
        remote: bool,
        cache: impl BlobDescriptorCache + 'static,
    ) -> Self {
        let driver = FaultyDriver::new(inner);
        let driver = if remote { driver.remote() } else { driver };
        let requests = driver.faults();
        let options =
            Options { cache: Some(Arc::new(cache) as _), delete: true, ..Options::default() };
        let name = RepositoryName::parse("library/a").unwrap();
        let namespace = StorageNamespace::new(Arc::new(driver), options);
        let repository = namespace.repository(&name, &RequestContext::internal("test"));
        Self { repository, requests }
    }

    async fn push_blob(&self, content: &'static str) -> Digest {
        let digest = Digest::sha256(content.as_bytes());
        let created = self.repository.blobs().create(CreateOptions::default()).await.unwrap();
        let CreateOutcome::Upload(mut writer) = created else {
            panic!("nothing was to be mounted")
        };
        writer.write(Bytes::from(content)).await.unwrap();
        writer.commit(&digest).await.unwrap();
        digest
    }

    /// What a look costs.
    async fn cost<T>(&self, look: impl Future<Output = T>) -> (u64, T) {
        self.requests.heal();
        let seen = look.await;
        (self.requests.calls(), seen)
    }

    async fn manifest(&self, reference: impl Into<TagOrDigest>) -> (u64, Option<Digest>) {
        let reference = reference.into();
        let manifests = self.repository.manifests();
        let (cost, fetched) = self.cost(manifests.get(&reference, GetOptions::default())).await;
        let digest = match fetched {
            Ok(Fetched::Manifest(manifest)) => Some(manifest.digest()),
            Ok(Fetched::NotModified(descriptor)) => Some(descriptor.digest),
            Err(error) if error.is_unknown() => None,
            Err(error) => panic!("{error}"),
        };
        (cost, digest)
    }

    async fn head(&self, digest: &Digest) -> (u64, Option<u64>) {
        let (cost, described) = self.cost(self.repository.blobs().stat(digest)).await;
        (cost, described.ok().map(|descriptor| descriptor.size))
    }
}

fn tag() -> Tag {
    Tag::parse("latest").unwrap()
}

fn image(layer: &Digest) -> ManifestBytes {
    let config = Descriptor::new(MediaType::octet_stream(), Digest::sha256(b"{}"), 2);
    let layer = Descriptor::new(MediaType::octet_stream(), *layer, 5);
    let text = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::oci_manifest(),
        "config": config,
        "layers": [layer],
    });
    let bytes = serde_json::to_vec(&text).unwrap();
    ManifestBytes::new(MediaType::oci_manifest(), bytes.into(), Algorithm::Sha256)
}

#[tokio::test]
async fn a_manifest_by_tag_costs_three_requests_and_then_two() {
    let store = Store::with_an_image().await;
    let replica = store.replica();
    for cost in [3, 2, 2] {
        assert_eq!(replica.manifest(tag()).await, (cost, Some(store.manifest)));
    }
}

#[tokio::test]
async fn a_manifest_by_digest_costs_two_requests_and_then_one() {
    let store = Store::with_an_image().await;
    let replica = store.replica();
    for cost in [2, 1, 1] {
        assert_eq!(replica.manifest(store.manifest).await, (cost, Some(store.manifest)));
    }
}

#[tokio::test]
async fn a_tag_that_moved_elsewhere_is_followed_at_once() {
    let store = Store::with_an_image().await;
    let replica = store.replica();
    replica.manifest(tag()).await.1.unwrap();
    let moved = store.push("other").await;
    assert_ne!(moved, store.manifest);
    assert_eq!(replica.manifest(tag()).await, (4, Some(moved)));
    assert_eq!(replica.manifest(tag()).await, (2, Some(moved)));
}

#[tokio::test]
async fn what_another_process_deleted_is_gone_at_once() {
    let store = Store::with_an_image().await;
    let replica = store.replica();
    replica.manifest(tag()).await.1.unwrap();
    assert_eq!(replica.head(&store.layer).await.1, Some(5));
    let other = store.replica().repository;
    other.manifests().delete(&store.manifest).await.unwrap();
    other.blobs().deleter().unwrap().delete(&store.layer).await.unwrap();
    assert_eq!(replica.manifest(tag()).await.1, None);
    assert_eq!(replica.manifest(store.manifest).await.1, None);
    assert_eq!(replica.head(&store.layer).await.1, None);
}

#[tokio::test]
async fn the_head_of_a_blob_costs_two_requests_and_then_one() {
    let store = Store::with_an_image().await;
    let replica = store.replica();
    for cost in [2, 1, 1] {
        assert_eq!(replica.head(&store.layer).await, (cost, Some(5)));
    }
    let missing = Digest::sha256(b"missing");
    assert_eq!(replica.head(&missing).await, (2, None));
}

/// A blob whose bytes were taken from behind our back is believed to be there until somebody needs
/// it; then it is not, so that a client sends it again.
#[tokio::test]
async fn bytes_that_are_gone_are_missed_by_whoever_needs_them() {
    let store = Store::with_an_image().await;
    let hex = store.layer.encoded();
    for need in ["pull", "push"] {
        let replica = store.replica();
        assert_eq!(replica.push_blob("layer").await, store.layer);
        store.remove(&format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2])).await;
        assert_eq!(replica.head(&store.layer).await, (1, Some(5)), "{need}");
        let refused = match need {
            "pull" => replica.repository.blobs().open(&store.layer, None).await.is_err(),
            _ => {
                let options = PutOptions::default();
                replica.repository.manifests().put(image(&store.layer), options).await.is_err()
            }
        };
        assert!(refused, "{need}");
        assert_eq!(replica.head(&store.layer).await, (2, None), "{need}");
    }
}

/// A cache that counts how often it has to forget.
#[derive(Clone, Default)]
struct Forgetful {
    cache: MokaDescriptorCache,
    clears: Arc<AtomicU64>,
}

#[async_trait]
impl BlobDescriptorService for Forgetful {
    async fn get_or_load(
        &self,
        digest: &Digest,
        load: BoxFuture<'_, Result<Descriptor>>,
    ) -> Result<Descriptor> {
        self.cache.get_or_load(digest, load).await
    }

    async fn get(&self, digest: &Digest) -> Option<Descriptor> {
        self.cache.get(digest).await
    }

    async fn set(&self, digest: &Digest, descriptor: Descriptor) {
        self.cache.set(digest, descriptor).await;
    }

    async fn clear(&self, digest: &Digest) {
        self.clears.fetch_add(1, SeqCst);
        self.cache.clear(digest).await;
    }
}

impl BlobDescriptorCache for Forgetful {
    fn repository_scoped(&self, _: &RepositoryName) -> Arc<dyn BlobDescriptorService> {
        Arc::new(self.clone())
    }
}

/// Each push begins with the question for blobs that nobody has: a cache that is another machine is not
/// told of them.
#[tokio::test]
async fn only_what_is_cached_has_to_be_forgotten() {
    for remote in [false, true] {
        let store = Store::with_an_image().await;
        let (cache, inner) = (Forgetful::default(), Arc::clone(&store.driver) as Arc<dyn Driver>);
        let clears = Arc::clone(&cache.clears);
        let replica = Replica::new(inner, remote, cache);
        for number in 0..10 {
            let nobodys = Digest::sha256(format!("{number}").as_bytes());
            assert_eq!(replica.head(&nobodys).await.1, None);
            assert!(replica.repository.blobs().open(&nobodys, None).await.is_err());
        }
        assert_eq!(clears.load(SeqCst), 0, "remote: {remote}");
        let deleter = replica.repository.blobs().deleter().unwrap();
        deleter.delete(&store.layer).await.unwrap();
        assert_eq!(clears.load(SeqCst), 1, "remote: {remote}");
        assert_eq!(replica.head(&store.layer).await.1, None);
    }
}

#[tokio::test]
async fn a_page_of_tags_costs_one_list() {
    let store = Store::with_an_image().await;
    let replica = store.replica();
    for number in 0..150 {
        let tag = Tag::parse(&format!("v{number:03}")).unwrap();
        replica.repository.tags().tag(&tag, &store.manifest).await.unwrap();
    }
    let ends = [(None, "latest", 100), (Some("v049"), "v050", 100), (Some("v139"), "v140", 10)];
    for (after, first, count) in ends {
        let request = PageRequest { after: after.map(str::to_owned), limit: 100 };
        let (cost, page) = replica.cost(replica.repository.tags().list(request)).await;
        let page = page.unwrap();
        assert_eq!((cost, page.items.len(), page.items[0].as_str()), (1, count, first));
    }
    // A tag of another process is there at once, and one that it removes is gone.
    let other = store.replica().repository;
    other.tags().tag(&Tag::parse("a").unwrap(), &store.manifest).await.unwrap();
    other.tags().untag(&tag()).await.unwrap();
    let (cost, page) = replica.cost(replica.repository.tags().list(PageRequest::first(2))).await;
    let names: Vec<_> = page.unwrap().items.iter().map(ToString::to_string).collect();
    assert_eq!((cost, names), (1, vec!["a".to_owned(), "v000".to_owned()]));
}

/// Where a list shows four names, seven more one after the other would cost more time than all reads at once.
#[tokio::test]
async fn tags_with_long_histories_are_not_found_from_list_to_list() {
    let store = Store::with_an_image().await;
    for number in 0..100 {
        let tag = Tag::parse(&format!("v{number:03}")).unwrap();
        store.replica().repository.tags().tag(&tag, &store.manifest).await.unwrap();
        for moved in 0..40 {
            let digest = Digest::sha256(format!("{number} {moved}").as_bytes());
            let folder = format!("docker/registry/v2/repositories/library/a/_manifests/tags/{tag}");
            let link = format!("{folder}/index/sha256/{}/link", digest.encoded());
            let link = StoragePath::parse(&link).unwrap();
            let content = digest.to_string().into();
            store.driver.put(&link, content, PutMode::Overwrite).await.unwrap();
        }
    }
    let replica = store.replica();
    let request = PageRequest { after: Some("latest".to_owned()), limit: 30 };
    let (cost, page) = replica.cost(replica.repository.tags().list(request)).await;
    let page = page.unwrap();
    assert_eq!((page.items.len(), page.items[29].as_str()), (30, "v029"));
    let shown = (31 * 3 + 64_u64).div_ceil(42);
    assert_eq!(cost, 1 + 1 + (31 - shown));
}

/// Of 150 tags, only the one that points to it is read: that is known from one list of them all.
#[tokio::test]
async fn the_delete_of_a_manifest_reads_no_other_tags() {
    let store = Store::with_an_image().await;
    let moved = store.push("other").await;
    for number in 0..150 {
        let tag = Tag::parse(&format!("v{number:03}")).unwrap();
        store.replica().repository.tags().tag(&tag, &store.manifest).await.unwrap();
    }
    let replica = store.replica();
    let (cost, done) = replica.cost(replica.repository.manifests().delete(&moved)).await;
    done.unwrap();
    // Link and bytes; the list; the tag, twice to remove it; both links.
    assert_eq!(cost, 2 + 1 + 3 + 2);
    assert_eq!(replica.manifest(tag()).await.1, None);
    assert_eq!(replica.manifest(Tag::parse("v149").unwrap()).await.1, Some(store.manifest));
}
