//! What a registry tells of what happens in it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use serde_json::json;
use wharf_core::{
    CreateOptions, CreateOutcome, Fetched, GetOptions, ManifestBytes, MayPull, Mount, Namespace,
    Origin, PutOptions, Repository, RequestContext, Subject, memory::MemoryNamespace,
};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::MediaType;
use wharf_notifications::{Action, Endpoint, Notifier, NotifyingNamespace};
use wharf_reference::{RepositoryName, Tag};
use wharf_testkit::image;

mod common;

use common::{Receiver, endpoint, notifier, options, until};

wharf_testkit::namespace_suite!(witnessed, new: async {
    let folder = tempfile::tempdir().unwrap();
    let (notifier, receiver) = notifier(folder.path()).await;
    let inner: Arc<dyn Namespace> = Arc::new(MemoryNamespace::new());
    (Arc::new(NotifyingNamespace::new(inner, notifier)), (folder, receiver))
});

struct Everywhere;

#[async_trait::async_trait]
impl MayPull for Everywhere {
    async fn may_pull(&self, _: &RepositoryName) -> bool {
        true
    }
}

struct Registry {
    namespace: NotifyingNamespace,
    receiver: Arc<Receiver>,
    notifier: Notifier,
}

impl Registry {
    async fn new(folder: &Path, endpoint: Endpoint, references: bool) -> Self {
        let (notifier, receiver) = (Notifier::new(options(folder)), Arc::new(Receiver::default()));
        let endpoints = vec![(endpoint, Arc::clone(&receiver) as _)];
        notifier.configure(endpoints, references).await.unwrap();
        let inner = Arc::new(MemoryNamespace::new());
        let namespace = NotifyingNamespace::new(inner, notifier.clone());
        Self { namespace, receiver, notifier }
    }

    fn repository(&self, method: &str) -> Arc<dyn Repository> {
        let origin = Origin {
            base: "https://registry.example".into(),
            client: Some("203.0.113.9".parse().unwrap()),
        };
        let context = RequestContext {
            request_id: "id".into(),
            method: method.into(),
            host: "registry.example".into(),
            remote_address: Some("10.0.0.1:80".parse().unwrap()),
            origin: Some(Arc::new(origin)),
            user_agent: Some("test/1".into()),
            subject: Some(Subject("alice".into())),
            internal: None,
        };
        self.namespace.repository(&name("library/test"), &context)
    }

    async fn push(&self, content: &'static str) -> Digest {
        let repository = self.repository("PUT");
        let created = repository.blobs().create(CreateOptions::default()).await.unwrap();
        let CreateOutcome::Upload(mut writer) = created else { panic!("nothing is mounted") };
        writer.write(Bytes::from_static(content.as_bytes())).await.unwrap();
        writer.commit(&Digest::sha256(content.as_bytes())).await.unwrap().digest
    }

    async fn push_image(&self, tags: &[&str]) -> Digest {
        let media_type = MediaType::parse(image::MANIFEST).unwrap();
        let bytes = image::manifest(b"config", b"layer");
        let manifest = ManifestBytes::new(media_type, bytes.into(), Algorithm::Sha256);
        let tags = tags.iter().map(|tag| Tag::parse(tag).unwrap()).collect();
        let options = PutOptions { tags, skip_reference_checks: true };
        let stored = self.repository("PUT").manifests().put(manifest, options).await.unwrap();
        stored.descriptor.digest
    }

    /// What was told, once it is so much.
    async fn told(&self, count: usize) -> Vec<String> {
        until(|| self.receiver.events().len() >= count).await;
        self.receiver.told()
    }
}

fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

#[tokio::test]
async fn an_event_says_who_did_what_to_what() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path(), endpoint("hook"), false).await;
    let digest = registry.push("layer").await;
    registry.told(1).await;
    let mut event = registry.receiver.events().remove(0);
    assert_eq!(event["id"].as_str().unwrap().len(), 36);
    assert!(event["timestamp"].as_str().unwrap().ends_with('Z'));
    event["id"].take();
    event["timestamp"].take();
    assert_eq!(
        event,
        json!({
            "id": null,
            "timestamp": null,
            "action": "push",
            "target": {
                "mediaType": "application/octet-stream",
                "digest": digest.to_string(),
                "size": 5,
                "length": 5,
                "repository": "library/test",
                "url": format!("https://registry.example/v2/library/test/blobs/{digest}"),
            },
            "request": {
                "id": "id",
                "addr": "203.0.113.9",
                "host": "registry.example",
                "method": "PUT",
                "useragent": "test/1",
            },
            "actor": {"name": "alice"},
            "source": {"addr": "node:5000", "instanceID": "instance"},
        })
    );
}

#[tokio::test]
async fn everything_that_happens_is_told_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path(), endpoint("hook"), false).await;
    let blob = registry.push("layer").await;
    let mount = CreateOptions {
        mount: Some(Mount {
            digest: blob,
            from: Some(name("library/test")),
            allowed: Arc::new(Everywhere),
        }),
        ..CreateOptions::default()
    };
    let context = RequestContext { method: "POST".into(), ..RequestContext::default() };
    let other = registry.namespace.repository(&name("other"), &context);
    assert!(matches!(other.blobs().create(mount).await.unwrap(), CreateOutcome::Mounted { .. }));
    let manifest = registry.push_image(&[]).await;
    registry.push_image(&["one", "two"]).await;
    let repository = registry.repository("GET");
    let options = GetOptions::default();
    repository.manifests().get(&Tag::parse("one").unwrap().into(), options).await.unwrap();
    registry.repository("HEAD").manifests().resolve(&manifest.into()).await.unwrap();
    // However many looks a request takes, it is one pull.
    let repository = registry.repository("GET");
    repository.blobs().stat(&blob).await.unwrap();
    repository.blobs().open(&blob, None).await.unwrap();
    let repository = registry.repository("DELETE");
    repository.tags().untag(&Tag::parse("one").unwrap()).await.unwrap();
    repository.manifests().delete(&manifest).await.unwrap();
    repository.blobs().deleter().unwrap().delete(&blob).await.unwrap();
    let told = registry.told(12).await;
    assert_eq!(
        told,
        [
            "push digest",
            "mount digest",
            "push digest",
            "push digest one",
            "push digest two",
            "pull digest one",
            "pull digest",
            "pull digest",
            "delete one",
            "delete digest",
            "delete two",
            "delete digest",
        ][..]
    );
    let events = registry.receiver.events();
    assert_eq!(events[1]["target"]["fromRepository"], "library/test");
    assert_eq!(events[1]["target"]["repository"], "other");
    assert_eq!(events[1]["target"]["url"], format!("/v2/other/blobs/{blob}"));
    assert_eq!(events[3]["target"]["mediaType"], image::MANIFEST);
}

#[tokio::test]
async fn what_fails_or_is_there_already_is_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path(), endpoint("hook"), false).await;
    let missing = Digest::sha256(b"missing");
    let manifest = registry.push_image(&["one"]).await;
    let repository = registry.repository("GET");
    assert!(repository.blobs().open(&missing, None).await.is_err());
    assert!(repository.manifests().resolve(&missing.into()).await.is_err());
    let known = GetOptions { if_none_match: vec![manifest], ..GetOptions::default() };
    let fetched = repository.manifests().get(&manifest.into(), known).await.unwrap();
    assert!(matches!(fetched, Fetched::NotModified(_)));
    let context = RequestContext::internal("gc");
    let own = registry.namespace.repository(&name("library/test"), &context);
    own.manifests().get(&manifest.into(), GetOptions::default()).await.unwrap();
    registry.push("end").await;
    assert_eq!(registry.told(2).await, ["push digest one", "push digest"]);
}

#[tokio::test]
async fn references_are_told_if_they_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path(), endpoint("hook"), true).await;
    let manifest = registry.push_image(&["one"]).await;
    registry.repository("HEAD").manifests().resolve(&manifest.into()).await.unwrap();
    registry.told(2).await;
    for event in registry.receiver.events() {
        let references = event["target"]["references"].as_array().unwrap();
        let digests: Vec<_> = references.iter().map(|it| it["digest"].clone()).collect();
        let expected = [b"config".as_slice(), b"layer"].map(|it| Digest::sha256(it).to_string());
        assert_eq!(digests, expected);
    }
}

#[tokio::test]
async fn nobody_is_told_what_they_ignore() {
    let folder = tempfile::tempdir().unwrap();
    let ignoring = Endpoint {
        ignored_actions: vec![Action::Pull],
        ignored_media_types: vec!["application/octet-stream".into()],
        ..endpoint("hook")
    };
    let registry = Registry::new(folder.path(), ignoring, false).await;
    registry.push("layer").await;
    let manifest = registry.push_image(&["one"]).await;
    registry.repository("HEAD").manifests().resolve(&manifest.into()).await.unwrap();
    registry.repository("DELETE").manifests().delete(&manifest).await.unwrap();
    let told = registry.told(3).await;
    assert_eq!(told, ["push digest one", "delete digest", "delete one"]);
    assert_eq!(registry.notifier.numbers()[0].events, 3);
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("events");
    let notifier = Notifier::new(options(&base));
    let inner = Arc::new(MemoryNamespace::new());
    let namespace = NotifyingNamespace::new(inner, notifier.clone());
    let context = RequestContext { method: "PUT".into(), ..RequestContext::default() };
    let repository = namespace.repository(&name("a"), &context);
    repository.blobs().put(&MediaType::octet_stream(), "x".into()).await.unwrap();
    notifier.configure(Vec::new(), false).await.unwrap();
    assert!(!base.exists());
    assert!(!notifier.listening().is_on());
    notifier.end(std::time::Duration::ZERO).await;
}
