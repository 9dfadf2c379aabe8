//! Power cuts during whole pushes: every blob, manifest and tag that was acknowledged is found after a
//! cut at any point, and nothing is served that does not match its digest.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinSet;
use wharf_content::Content;
use wharf_core::{
    CreateOptions, CreateOutcome, Fetched, GetOptions, ManifestBytes, Namespace, PutOptions,
    Repository, RequestContext,
};
use wharf_digest::{Algorithm, Digest};
use wharf_driver_fs::{
    FsDriver, Options,
    trace::{Step, Trace},
};
use wharf_manifest::MediaType;
use wharf_reference::{RepositoryName, Tag, TagOrDigest};
use wharf_storage::{Options as StorageOptions, StorageNamespace};
use wharf_testkit::power_cut::{Disk, Survival};

/// Tried in turn, one a step, besides the worst case, which is tried at each.
const SURVIVALS: [Survival; 4] =
    [Survival::Names, Survival::Everything, Survival::Some(1), Survival::Some(2)];

/// What was promised, at which length of the trace, and until when.
struct Promise {
    given: usize,
    taken_back: Option<usize>,
    of: Promised,
}

enum Promised {
    Blob(Digest),
    Manifest(Digest),
    Tag(Tag, Digest),
}

/// A registry whose steps are recorded.
struct Recorder {
    repository: Arc<dyn Repository>,
    trace: Trace,
    promises: Vec<Promise>,
    _root: Arc<tempfile::TempDir>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_found_after_a_cut_at_every_point() {
    let mut recorder = Recorder::new();
    let first = recorder.push_image("one", "1.0").await;
    recorder.put_blob("small").await;
    recorder.push_image("two", "1.0").await;
    recorder.delete(&first).await;
    recorder.push_image("one", "1.0").await;
    recorder.check().await;
}

/// They share syncs of the folders that they have in common.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_to_many_at_once_is_found_too() {
    push_together(Recorder::new(), &["one", "two", "three", "four"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_to_many_who_shared_all_syncs_is_found_too() {
    let recorder = Recorder::with(Options { crowd: Some(0), ..Options::default() });
    push_together(recorder, &["one", "two"]).await;
}

/// Nothing of it is on disk before that but a draft of its start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_durable_when_its_bytes_are() {
    let recorder = Recorder::new();
    let blobs = recorder.repository.blobs();
    let options = CreateOptions { size_hint: Some(0), ..CreateOptions::default() };
    let CreateOutcome::Upload(mut writer) = blobs.create(options).await.expect("it begins") else {
        panic!("nothing was mounted")
    };
    let of_start = |step: &Step| match step {
        Step::Rename(_, to) | Step::Link(_, to) => to.name() == Some("startedat"),
        _ => false,
    };
    let starts = || recorder.trace.steps().iter().filter(|step| of_start(step)).count();
    assert_eq!(starts(), 1);
    assert!(!recorder.trace.steps().iter().any(|step| matches!(step, Step::SyncFile(_))));
    writer.write(vec![1; 9 << 20].into()).await.expect("it is taken");
    let id = writer.suspend().await.expect("it is saved").id;
    assert_eq!(starts(), 2);
    drop(writer);
    assert_eq!(blobs.resume(&id).await.expect("it is taken up").size(), 9 << 20);
}

async fn push_together(mut recorder: Recorder, names: &[&'static str]) {
    let mut pushes = JoinSet::new();
    for &name in names {
        let mut pusher = recorder.another();
        pushes.spawn(async move {
            pusher.push_image(name, name).await;
            pusher.promises
        });
    }
    for promises in pushes.join_all().await {
        recorder.promises.extend(promises);
    }
    assert_eq!(recorder.promises.len(), 4 * names.len());
    recorder.check().await;
}

// === impl Recorder ===

impl Recorder {
    /// One more over the same registry.
    fn another(&self) -> Self {
        let (repository, trace) = (Arc::clone(&self.repository), self.trace.clone());
        Self { repository, trace, promises: Vec::new(), _root: Arc::clone(&self._root) }
    }

    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let root = tempfile::tempdir().expect("temporary folder");
        let trace = Trace::new();
        let options = Options { trace: Some(trace.clone()), ..options };
        let repository = open(root.path(), options);
        Self { repository, trace, promises: Vec::new(), _root: Arc::new(root) }
    }

    async fn push_image(&mut self, name: &str, tag: &str) -> Digest {
        let config = self.push_blob(format!("{{\"name\":\"{name}\"}}")).await;
        let layer = self.push_blob(format!("layer {name} ").repeat(300)).await;
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[{layer}]}}"#
        );
        let manifest =
            ManifestBytes::new(MediaType::oci_manifest(), Bytes::from(manifest), Algorithm::Sha256);
        let (digest, tag) = (manifest.digest(), Tag::parse(tag).expect("a tag"));
        // From here on the tag may point to either.
        self.take_back(|of| matches!(of, Promised::Tag(moved, _) if *moved == tag));
        let options = PutOptions { tags: vec![tag.clone()], ..PutOptions::default() };
        self.repository.manifests().put(manifest, options).await.expect("it is stored");
        self.promise(Promised::Manifest(digest));
        self.promise(Promised::Tag(tag, digest));
        digest
    }

    /// Pushes in two requests, and returns the descriptor.
    async fn push_blob(&mut self, content: String) -> String {
        let (digest, size) = (Digest::sha256(content.as_bytes()), content.len());
        let blobs = self.repository.blobs();
        // A config as by a client that sends its bytes later, a layer as by one that sends them at once.
        let size_hint = content.starts_with('{').then_some(0);
        let options = CreateOptions { size_hint, ..CreateOptions::default() };
        let outcome = blobs.create(options).await.expect("it begins");
        let CreateOutcome::Upload(mut writer) = outcome else { panic!("nothing was mounted") };
        let (head, tail) = content.split_at(size / 2);
        writer.write(Bytes::copy_from_slice(head.as_bytes())).await.expect("it is taken");
        let id = writer.suspend().await.expect("it is saved").id;
        drop(writer);
        let mut writer = blobs.resume(&id).await.expect("it is taken up");
        writer.write(Bytes::copy_from_slice(tail.as_bytes())).await.expect("it is taken");
        writer.commit(&digest).await.expect("it is committed");
        self.promise(Promised::Blob(digest));
        format!(r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{size}}}"#)
    }

    /// Stores a small blob in one call.
    async fn put_blob(&mut self, content: &'static str) {
        let blobs = self.repository.blobs();
        let stored = blobs.put(&MediaType::octet_stream(), content.into()).await;
        let digest = stored.expect("it is stored").digest;
        self.promise(Promised::Blob(digest));
    }

    async fn delete(&mut self, manifest: &Digest) {
        self.take_back(|of| match of {
            Promised::Blob(_) => false,
            Promised::Manifest(digest) | Promised::Tag(_, digest) => digest == manifest,
        });
        self.repository.manifests().delete(manifest).await.expect("it is there");
    }

    fn promise(&mut self, of: Promised) {
        self.promises.push(Promise { given: self.trace.len(), taken_back: None, of });
    }

    fn take_back(&mut self, which: impl Fn(&Promised) -> bool) {
        let now = self.trace.len();
        let open = self.promises.iter_mut().filter(|promise| promise.taken_back.is_none());
        open.filter(|promise| which(&promise.of)).for_each(|p| p.taken_back = Some(now));
    }

    async fn check(&self) {
        let steps = self.trace.steps();
        let mut disk = Disk::new();
        for point in 0..=steps.len() {
            for survival in [Survival::Nothing, SURVIVALS[point % SURVIVALS.len()]] {
                let root = tempfile::tempdir().expect("temporary folder");
                disk.leave(root.path(), survival).expect("it can be written down");
                let repository = open(root.path(), Options::default());
                for promise in self.promises.iter().filter(|promise| promise.holds(point)) {
                    let kept = promise.of.kept(&*repository).await;
                    let last = point.checked_sub(1).map(|last| &steps[last]);
                    assert!(kept.is_ok(), "{kept:?} ({survival:?} after step {point}, {last:?})");
                }
                assert_nothing_false(&*repository, &self.promises).await;
            }
            steps.get(point).iter().for_each(|step| disk.apply(step));
        }
    }
}

// === impl Promise ===

impl Promise {
    fn holds(&self, point: usize) -> bool {
        self.given <= point && self.taken_back.is_none_or(|until| point <= until)
    }
}

// === impl Promised ===

impl Promised {
    async fn kept(&self, repository: &dyn Repository) -> Result<(), String> {
        let found = match self {
            Self::Blob(digest) => (blob(repository, digest).await?, digest),
            Self::Manifest(digest) => (manifest(repository, (*digest).into()).await?, digest),
            Self::Tag(tag, digest) => (manifest(repository, tag.clone().into()).await?, digest),
        };
        match found.1.matches(&found.0) {
            true => Ok(()),
            false => Err(format!("{} holds other bytes", found.1)),
        }
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Whatever is served by a digest has it, promised or not.
async fn assert_nothing_false(repository: &dyn Repository, promises: &[Promise]) {
    for promise in promises {
        if let Promised::Blob(digest) = &promise.of
            && let Ok(bytes) = blob(repository, digest).await
        {
            assert!(digest.matches(&bytes), "{digest} is served with other bytes");
        }
    }
}

async fn blob(repository: &dyn Repository, digest: &Digest) -> Result<Bytes, String> {
    let reader = repository.blobs().open(digest, None).await.map_err(|error| error.to_string())?;
    let content: Content = reader.content;
    content.collect(1 << 20).await.map_err(|error| error.to_string())
}

async fn manifest(repository: &dyn Repository, reference: TagOrDigest) -> Result<Bytes, String> {
    let fetched = repository.manifests().get(&reference, GetOptions::default()).await;
    match fetched.map_err(|error| error.to_string())? {
        Fetched::Manifest(manifest) => Ok(manifest.bytes().clone()),
        Fetched::NotModified(_) => Err("nothing was named that could be unmodified".to_owned()),
    }
}

fn open(root: &Path, options: Options) -> Arc<dyn Repository> {
    let driver = FsDriver::new(root, options).expect("a folder that can be used");
    let options = StorageOptions { delete: true, ..StorageOptions::default() };
    let namespace = StorageNamespace::new(Arc::new(driver), options);
    let name = RepositoryName::parse("power/cut").expect("a name");
    namespace.repository(&name, &RequestContext::internal("test"))
}
