//! Whatever was acknowledged is there after a power cut at any point, and nothing is there in half.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use wharf_driver::{Driver, ErrorKind, Put, PutMode, StoragePath};
use wharf_driver_fs::{
    FsDriver, Options,
    trace::{Step, Trace},
};
use wharf_testkit::{
    driver_suite::{path, pattern},
    power_cut::{Disk, Survival},
};

/// What happened to the paths that one scenario uses.
#[derive(Clone, Default)]
struct History {
    content: BTreeMap<StoragePath, Vec<Change>>,
    saved: BTreeMap<StoragePath, Vec<Change>>,
}

/// A change that began and was acknowledged at these lengths of the trace.
#[derive(Clone)]
struct Change {
    began: usize,
    acknowledged: usize,
    value: Option<Bytes>,
}

/// A driver whose steps are recorded, and what it was made to do.
struct Recorder {
    driver: FsDriver,
    trace: Trace,
    history: History,
    _root: tempfile::TempDir,
}

const SURVIVALS: [Survival; 7] = [
    Survival::Nothing,
    Survival::Names,
    Survival::Everything,
    Survival::Some(1),
    Survival::Some(2),
    Survival::Some(3),
    Survival::Some(4),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_content_survives() {
    let mut recorder = Recorder::new();
    recorder.put("repositories/app/tags/1.0/link", "sha256:one", PutMode::Overwrite).await;
    recorder.put("repositories/app/tags/1.0/link", "sha256:two, longer", PutMode::Overwrite).await;
    recorder.put("repositories/app/tags/1.1/link", "sha256:one", PutMode::Create).await;
    recorder.put("repositories/app/tags/1.1/link", "sha256:never", PutMode::Create).await;
    recorder.delete("repositories/app/tags/1.0/link").await;
    recorder.put("repositories/app/tags/1.0/link", "back", PutMode::Create).await;
    recorder.check().await.expect("everything acknowledged is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_made_again_survives() {
    let mut recorder = Recorder::new();
    for round in ["one", "two"] {
        recorder.put("top/repository/a", round, PutMode::Overwrite).await;
        recorder.put("top/repository/b/c", round, PutMode::Create).await;
        recorder.delete_below("top/repository").await;
    }
    recorder.put("top/repository/b/c", "three", PutMode::Create).await;
    recorder.check().await.expect("everything acknowledged is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives() {
    let mut recorder = Recorder::new();
    recorder.upload("uploads/one", "blobs/aa/data", &[900, 1100, 500]).await;
    // The same blob again, and one that is damaged.
    recorder.upload("uploads/two", "blobs/aa/data", &[900, 1100, 500]).await;
    recorder.put("blobs/bb/data", "cut of", PutMode::Overwrite).await;
    recorder.upload("uploads/three", "blobs/bb/data", &[700]).await;
    recorder.check().await.expect("everything acknowledged is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_goes_on_after_its_publication_survives() {
    let mut recorder = Recorder::new();
    let (session, blob) = (path("uploads/one"), path("blobs/aa/data"));
    let mut upload = recorder.driver.begin_upload(&session, None).await.expect("it begins");
    let mut bytes = Vec::new();
    for (round, target) in [blob, path("blobs/bb/data")].iter().enumerate() {
        let piece = pattern(round as u64, 2000);
        bytes.extend_from_slice(&piece);
        upload.append(vec![piece]).await.expect("it is appended");
        recorder.save(&mut *upload, &session, &bytes).await;
        recorder.publish(&mut *upload, target, &bytes).await;
        drop(upload);
        upload = recorder.driver.resume_upload(&session).await.expect("it is taken up");
    }
    recorder.check().await.expect("everything acknowledged is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_survives_without_links_too() {
    let mut recorder = Recorder::with(Options { plain: true, ..Options::default() });
    recorder.put("blobs/aa/data", "cut of", PutMode::Create).await;
    recorder.upload("uploads/one", "blobs/aa/data", &[400]).await;
    recorder.upload("uploads/two", "blobs/bb/data", &[400]).await;
    recorder.check().await.expect("everything acknowledged is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_survives_that_is_synced_together_too() {
    let mut recorder = Recorder::with(Options { crowd: Some(0), ..Options::default() });
    recorder.put("blobs/aa/data", "cut of", PutMode::Create).await;
    recorder.upload("uploads/one", "blobs/aa/data", &[400]).await;
    recorder.upload("uploads/two", "blobs/bb/data", &[400, 300]).await;
    recorder.put("tags/1.0/link", "sha256:one", PutMode::Overwrite).await;
    recorder.delete("tags/1.0/link").await;
    let steps = recorder.trace.steps();
    let is_alone = |step: &Step| matches!(step, Step::SyncFile(_) | Step::SyncFolder(_));
    assert!(steps.contains(&Step::SyncAll) && !steps.iter().any(is_alone));
    recorder.check().await.expect("everything acknowledged is there");
    let noticed = recorder.history.check(&steps, |step| *step != Step::SyncAll).await;
    noticed.expect_err("without it, what was acknowledged is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_noted_is_true_whether_it_survives_or_not() {
    let mut recorder = Recorder::new();
    let (session, mut bytes) = (path("uploads/one"), Vec::new());
    let mut upload = recorder.driver.begin_upload(&session, None).await.expect("it begins");
    for (round, durable) in [false, false, true, false, true, false].into_iter().enumerate() {
        let piece = pattern(round as u64, 500 + 300 * round);
        bytes.extend_from_slice(&piece);
        upload.append(vec![piece]).await.expect("it is appended");
        match durable {
            true => recorder.save(&mut *upload, &session, &bytes).await,
            false => recorder.note(&mut *upload, &session, &bytes).await,
        }
        upload.append(vec![pattern(99, 300)]).await.expect("it is appended");
        drop(upload);
        upload = recorder.driver.resume_upload(&session).await.expect("it is taken up");
        assert_eq!(upload.size(), bytes.len() as u64, "noted or saved, it is there");
    }
    recorder.publish(&mut *upload, &path("blobs/aa/data"), &bytes).await;
    recorder.check().await.expect("everything acknowledged is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_over_a_draft_survives() {
    let mut recorder = Recorder::new();
    let (draft, forgotten) = (path("uploads/one/startedat"), path("uploads/two/startedat"));
    for at in [&draft, &forgotten] {
        let stored = recorder.driver.put(at, "today".into(), PutMode::Draft).await;
        stored.expect("it is stored");
        assert_eq!(recorder.driver.get(at, 10).await.expect("it is there"), "today");
    }
    recorder.put("uploads/one/startedat", "today", PutMode::Overwrite).await;
    // Before that, any part of the draft.
    let stored = recorder.trace.len();
    for length in 0..=5 {
        let part = Change::new(0, stored, Some(Bytes::from_static(&b"today"[..length])));
        recorder.history.content.entry(draft.clone()).or_default().insert(0, part);
    }
    assert!(recorder.driver.forget_below(&path("uploads/two")).await.expect("it goes"));
    recorder.driver.get(&forgotten, 10).await.expect_err("it is gone");
    recorder.put("uploads/two/other", "new", PutMode::Create).await;
    recorder.check().await.expect("everything acknowledged is there");
}

/// All of a step is durable before anything of the next one is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_in_order_survives_in_order() {
    for crowd in [None, Some(0)] {
        let mut recorder = Recorder::with(Options { crowd, ..Options::default() });
        let names = [
            vec!["blobs/aa/data"],
            vec!["links/one/link", "tags/1.0/index/link"],
            vec!["tags/1.0/current/link"],
        ];
        // The folders are there, so that each name may survive without the others.
        for folder in names.iter().flatten().map(|at| path(at).parent().expect("a folder")) {
            recorder.put(&format!("{folder}/other"), "there before", PutMode::Overwrite).await;
        }
        let before = recorder.trace.len();
        let put = |at: &&str| Put::new(path(at), "sha256:one");
        let steps: Vec<Vec<Put>> =
            names.iter().map(|step| step.iter().map(put).collect()).collect();
        recorder.driver.put_in_order(steps.clone()).await.expect("it is stored");
        for at in names.iter().flatten() {
            recorder.changed(path(at), before, Some("sha256:one".into()));
        }
        recorder.check().await.expect("everything acknowledged is there");
        let trace = recorder.trace.steps();
        check_order(&trace, &steps, |_, _| true).await.expect("it survives in order");
        let synced = |step: &Step| matches!(step, Step::SyncAll | Step::SyncFolder(_));
        let unsynced = check_order(&trace, &steps, |at, step| at < before || !synced(step)).await;
        unsynced.expect_err("without syncs of the names it does not");
    }
}

/// What was published is durable before anything that goes with it is there, whether its bytes were saved
/// before, or somebody else has published the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_with_a_publication_survives_after_it() {
    for (crowd, is_saved) in [(None, false), (None, true), (Some(0), false), (Some(0), true)] {
        let mut recorder = Recorder::with(Options { crowd, ..Options::default() });
        let blob = Put::new(path("blobs/aa/data"), pattern(1, 900));
        for folder in ["blobs/aa", "links/one", "links/two"] {
            recorder.put(&format!("{folder}/other"), "there before", PutMode::Overwrite).await;
        }
        for link in ["links/one/link", "links/two/link"] {
            let session = path("uploads/one");
            let mut upload = recorder.driver.begin_upload(&session, None).await.expect("it begins");
            upload.append(vec![blob.content.clone()]).await.expect("it is appended");
            if is_saved {
                recorder.save(&mut *upload, &session, &blob.content).await;
            }
            let began = recorder.trace.len();
            let link = Put::new(path(link), "sha256:one");
            let published = upload.publish_with(&blob.path, vec![link.clone()]).await;
            let (_, left) = published.expect("it is published");
            assert!(left.is_empty(), "a directory does it in one go");
            for Put { path, content } in [blob.clone(), link.clone()] {
                recorder.changed(path, began, Some(content));
            }
            drop(upload);
            recorder.driver.forget_below(&session).await.expect("it goes");
            let steps = [vec![blob.clone()], vec![link]];
            check_order(&recorder.trace.steps(), &steps, |_, _| true).await.expect("in order");
        }
        recorder.history.saved.clear();
        recorder.check().await.expect("everything acknowledged is there");
        let unsynced = |step: &Step| !matches!(step, Step::SyncFile(_) | Step::SyncAll);
        let noticed = recorder.history.check(&recorder.trace.steps(), unsynced).await;
        noticed.expect_err("without syncs of the bytes it is not");
    }
}

/// Cuts the power after every step: what is there of one means that all before it is whole.
async fn check_order(
    trace: &[Step],
    steps: &[Vec<Put>],
    done: impl Fn(usize, &Step) -> bool,
) -> Result<(), String> {
    let mut disk = Disk::new();
    for point in 0..=trace.len() {
        for survival in SURVIVALS {
            let root = tempfile::tempdir().expect("there is room for temporary folders");
            disk.leave(root.path(), survival).expect("it can be written down");
            let driver = FsDriver::new(root.path(), Options::default()).expect("it can be opened");
            let mut is_whole = true;
            for step in steps {
                let mut is_step_whole = true;
                for put in step {
                    match driver.get(&put.path, 1000).await.ok() {
                        None => is_step_whole = false,
                        Some(found) if is_whole && found == put.content => {}
                        Some(_) => {
                            return Err(format!("{} ({survival:?} after {point})", put.path));
                        }
                    }
                }
                is_whole &= is_step_whole;
            }
        }
        trace.get(point).filter(|step| done(point, step)).iter().for_each(|step| disk.apply(step));
    }
    Ok(())
}

/// The test itself is tested: each kind of sync is needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_sync_is_noticed() {
    let mut recorder = Recorder::new();
    recorder.upload("uploads/one", "blobs/aa/data", &[900, 1100]).await;
    recorder.put("tags/1.0/link", "sha256:one", PutMode::Create).await;
    let steps = recorder.trace.steps();
    let (root, parent) = (StoragePath::root(), path("tags"));
    let forgotten: [&dyn Fn(&Step) -> bool; 4] = [
        &|step| matches!(step, Step::SyncFile(_)),
        &|step| matches!(step, Step::SyncFolder(_)),
        &|step| matches!(step, Step::SyncFolder(folder) if *folder == root),
        &|step| matches!(step, Step::SyncFolder(folder) if *folder == parent),
    ];
    for (case, forgotten) in forgotten.iter().enumerate() {
        let noticed = recorder.history.check(&steps, |step| !forgotten(step)).await;
        noticed.expect_err(&format!("case {case} loses what was acknowledged"));
    }
}

// === impl Recorder ===

impl Recorder {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let root = tempfile::tempdir().expect("there is room for temporary folders");
        let trace = Trace::new();
        let options = Options { trace: Some(trace.clone()), ..options };
        let driver = FsDriver::new(root.path(), options).expect("it can be opened");
        Self { driver, trace, history: History::default(), _root: root }
    }

    async fn put(&mut self, at: &str, content: &'static str, mode: PutMode) {
        let (at, began) = (path(at), self.trace.len());
        let kept = self.driver.get(&at, 1000).await.ok().filter(|_| mode == PutMode::Create);
        self.driver.put(&at, content.into(), mode).await.expect("it is stored");
        self.changed(at, began, Some(kept.unwrap_or(content.into())));
    }

    async fn delete(&mut self, at: &str) {
        let (at, began) = (path(at), self.trace.len());
        self.driver.delete(&at).await.expect("it is there");
        self.changed(at, began, None);
    }

    async fn delete_below(&mut self, folder: &str) {
        let began = self.trace.len();
        assert!(self.driver.delete_below(&path(folder)).await.expect("it goes"));
        let prefix = format!("{folder}/");
        let below: Vec<_> = self.history.content.keys().cloned().collect();
        for at in below.into_iter().filter(|at| at.as_str().starts_with(&prefix)) {
            self.changed(at, began, None);
        }
    }

    /// What was noted before may not come back.
    fn saved(&mut self, at: &StoragePath, change: Change) {
        let changes = self.history.saved.entry(at.clone()).or_default();
        let before = changes.iter_mut();
        before.for_each(|noted| noted.acknowledged = noted.acknowledged.min(change.acknowledged));
        changes.push(change);
    }

    /// An upload that is cut off after each save, and resumed.
    async fn upload(&mut self, session: &str, target: &str, sizes: &[usize]) {
        let session = path(session);
        let mut upload = self.driver.begin_upload(&session, None).await.expect("it begins");
        let mut bytes = Vec::new();
        for (seed, size) in sizes.iter().enumerate() {
            let piece = pattern(seed as u64, *size);
            bytes.extend_from_slice(&piece);
            upload.append(vec![piece]).await.expect("it is appended");
            self.save(&mut *upload, &session, &bytes).await;
            upload.append(vec![pattern(99, 300)]).await.expect("it is appended");
            drop(upload);
            upload = self.driver.resume_upload(&session).await.expect("it is taken up");
        }
        self.publish(&mut *upload, &path(target), &bytes).await;
    }

    async fn save(
        &mut self,
        upload: &mut dyn wharf_driver::Upload,
        at: &StoragePath,
        bytes: &[u8],
    ) {
        let began = self.trace.len();
        upload.save("state".into()).await.expect("it is saved");
        self.saved(at, Change::new(began, self.trace.len(), Some(bytes.to_vec().into())));
    }

    /// From here on the session may stand there, until it is saved further on.
    async fn note(
        &mut self,
        upload: &mut dyn wharf_driver::Upload,
        at: &StoragePath,
        bytes: &[u8],
    ) {
        let began = self.trace.len();
        upload.note("state".into()).await.expect("it is noted");
        let change = Change::new(began, usize::MAX, Some(bytes.to_vec().into()));
        self.history.saved.entry(at.clone()).or_default().push(change);
    }

    async fn publish(
        &mut self,
        upload: &mut dyn wharf_driver::Upload,
        target: &StoragePath,
        bytes: &[u8],
    ) {
        let began = self.trace.len();
        upload.publish(target).await.expect("it is published");
        self.changed(target.clone(), began, Some(bytes.to_vec().into()));
    }

    fn changed(&mut self, at: StoragePath, began: usize, value: Option<Bytes>) {
        let change = Change::new(began, self.trace.len(), value);
        self.history.content.entry(at).or_default().push(change);
    }

    async fn check(&self) -> Result<(), String> {
        self.history.check(&self.trace.steps(), |_| true).await
    }
}

// === impl History ===

impl History {
    /// Cuts the power after every step, in every way.
    async fn check(&self, steps: &[Step], done: impl Fn(&Step) -> bool) -> Result<(), String> {
        let mut disk = Disk::new();
        for point in 0..=steps.len() {
            for survival in SURVIVALS {
                let root = tempfile::tempdir().expect("there is room for temporary folders");
                disk.leave(root.path(), survival).expect("it can be written down");
                self.check_root(root.path(), point).await.map_err(|problem| {
                    let last = point.checked_sub(1).map(|last| &steps[last]);
                    format!("{problem} ({survival:?} after step {point}, {last:?})")
                })?;
            }
            steps.get(point).filter(|step| done(step)).iter().for_each(|step| disk.apply(step));
        }
        Ok(())
    }

    async fn check_root(&self, root: &Path, point: usize) -> Result<(), String> {
        let driver = FsDriver::new(root, Options::default()).map_err(|error| error.to_string())?;
        let driver: Arc<dyn Driver> = Arc::new(driver);
        for (at, changes) in &self.content {
            let found = match driver.get(at, 1 << 20).await {
                Ok(bytes) => Some(bytes),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error.to_string()),
            };
            expected(at, changes, point, found.as_ref())?;
        }
        for (session, changes) in &self.saved {
            check_session(&*driver, session, changes, point).await?;
        }
        Ok(())
    }
}

async fn check_session(
    driver: &dyn Driver,
    session: &StoragePath,
    changes: &[Change],
    point: usize,
) -> Result<(), String> {
    let checkpoint = driver.upload_checkpoint(session).await.map_err(|error| error.to_string())?;
    let found = match driver.resume_upload(session).await {
        Ok(mut upload) => {
            let content = upload.read_back().await.map_err(|error| error.to_string())?;
            Some(content.collect(1 << 20).await.map_err(|error| error.to_string())?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.to_string()),
    };
    if found.as_ref().map_or(0, Bytes::len) as u64 != checkpoint.length {
        return Err(format!("{session}: taken up elsewhere than at its checkpoint"));
    }
    // Bytes without a checkpoint leave an empty session, which is as good as none.
    expected(session, changes, point, found.filter(|bytes| !bytes.is_empty()).as_ref())
}

/// The last acknowledged value, or one that was on its way.
fn expected(
    at: &StoragePath,
    changes: &[Change],
    point: usize,
    found: Option<&Bytes>,
) -> Result<(), String> {
    let settled = changes.iter().rfind(|change| change.acknowledged <= point);
    let under_way = changes.iter().filter(|change| change.began < point);
    let mut allowed =
        under_way.filter(|change| change.acknowledged > point).map(|change| &change.value);
    let settled = settled.and_then(|change| change.value.as_ref());
    match found == settled || allowed.any(|value| value.as_ref() == found) {
        true => Ok(()),
        false => Err(format!("{at}: found {:?} bytes", found.map(Bytes::len))),
    }
}

// === impl Change ===

impl Change {
    fn new(began: usize, acknowledged: usize, value: Option<Bytes>) -> Self {
        Self { began, acknowledged, value }
    }
}
