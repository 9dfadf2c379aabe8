//! What was damaged in a store is found, and repaired as far as it can be.

use std::sync::{Arc, Mutex};

use tokio::{sync::oneshot, task::JoinHandle};
use wharf_registry::{
    Server,
    config::Configuration,
    digest::Digest,
    driver::{Driver, PutMode},
    maintenance::fsck::{self, Finding, Kind, Options, Progress, Watch},
    storage::tree::{self, Repository},
};
use wharf_testkit::{
    image::{self, MANIFEST},
    raw::Client,
};

use super::{RUNTIME, configuration, open, section};

const CONFIG: &[u8] = b"{}";
const DAMAGED: &[u8] = b"a layer that is damaged";
const MISSING: &[u8] = b"a layer that is lost";

/// What a check told.
#[derive(Default)]
struct Told(Mutex<Vec<(Kind, bool)>>);

/// A server over the store, for as long as something is pushed.
struct Site {
    client: Client,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<()>>,
}

pub(super) fn finds_and_repairs_damage(variable: &str) {
    let configuration = configuration(&section(variable));
    let mut site = Site::start(&configuration);
    site.push_blob(CONFIG);
    for (tag, layer) in [("damaged", DAMAGED), ("missing", MISSING)] {
        site.push_blob(layer);
        site.push_manifest(tag, &image::manifest(CONFIG, layer));
    }
    site.end();
    let driver = open(&configuration);
    assert_eq!(check(&driver, false), []);

    let repository = Repository::at(tree::repositories().join("app").expect("a name"));
    let link = tree::link(&repository.layers(), &Digest::sha256(CONFIG));
    let tag = repository.tags().join("damaged/current/link").expect("a path");
    RUNTIME.block_on(async {
        let other = vec![b'x'; DAMAGED.len()];
        for (path, content) in [
            (tree::data(&Digest::sha256(DAMAGED)), other),
            (link.clone(), b"sha256:nonsense".to_vec()),
            (tag.clone(), Vec::new()),
        ] {
            driver.put(&path, content.into(), PutMode::Overwrite).await.expect("damaged");
        }
        driver.delete(&tree::data(&Digest::sha256(MISSING))).await.expect("lost");
    });
    let damage = [Kind::BlobCorrupt, Kind::BlobMissing, Kind::LayerLinkDamaged, Kind::TagDamaged];
    let found = check(&driver, false);
    assert_eq!(found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), damage);

    let repaired: Vec<Kind> =
        check(&driver, true).into_iter().filter_map(|(kind, done)| done.then_some(kind)).collect();
    assert_eq!(repaired, [Kind::BlobCorrupt, Kind::LayerLinkDamaged, Kind::TagDamaged]);
    let text = RUNTIME.block_on(driver.get(&link, 100)).expect("it is there");
    assert_eq!(text, Digest::sha256(CONFIG).to_string());
    let left = [(Kind::BlobMissing, false), (Kind::BlobMissing, false)];
    assert_eq!(check(&driver, false), left);

    let mut site = Site::start(&configuration);
    [DAMAGED, MISSING].into_iter().for_each(|layer| site.push_blob(layer));
    site.end();
    assert_eq!(check(&driver, false), []);
}

/// What is found, in the order of the table, and whether it was repaired.
fn check(driver: &Arc<dyn Driver>, repair: bool) -> Vec<(Kind, bool)> {
    let told = Arc::new(Told::default());
    let watch: Arc<dyn Watch> = Arc::clone(&told) as _;
    let options = Options { repair, ..Options::default().for_store(&**driver) };
    let checked = RUNTIME.block_on(fsck::check(Arc::clone(driver), options, watch));
    let report = checked.expect("the store can be read");
    let mut found = std::mem::take(&mut *told.0.lock().expect("no panic"));
    assert_eq!(report.findings, found.len() as u64);
    found.sort_by_key(|(kind, _)| *kind as usize);
    found
}

// === impl Site ===

impl Site {
    fn start(configuration: &Configuration) -> Self {
        let server = RUNTIME.block_on(Server::bind(configuration)).expect("bound");
        let client = Client::new(server.local_addr());
        let (stop, stopped) = oneshot::channel();
        let running = RUNTIME.spawn(server.run(async { drop(stopped.await) }));
        Self { client, stop, running }
    }

    fn push_blob(&mut self, content: &[u8]) {
        let path = format!("/v2/app/blobs/uploads/?digest={}", Digest::sha256(content));
        let pushed = self.client.request("POST", &path, &[], content).expect("an answer");
        assert_eq!(pushed.status, 201, "{pushed:?}");
    }

    fn push_manifest(&mut self, tag: &str, manifest: &[u8]) {
        let path = format!("/v2/app/manifests/{tag}");
        let kind = [("content-type", MANIFEST)];
        let pushed = self.client.request("PUT", &path, &kind, manifest).expect("an answer");
        assert_eq!(pushed.status, 201, "{pushed:?}");
    }

    fn end(self) {
        let Self { client, stop, running } = self;
        drop((client, stop));
        RUNTIME.block_on(running).expect("no panic").expect("it ended");
    }
}

impl Watch for Told {
    fn finding(&self, finding: &Finding) {
        let done = finding.outcome == fsck::Outcome::Repaired;
        self.0.lock().expect("no panic").push((finding.kind, done));
    }

    fn progress(&self, _: Progress) {}
}
