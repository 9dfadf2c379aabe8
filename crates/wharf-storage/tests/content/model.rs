//! Any sequence of steps on an upload session does what a simple model says.

use std::sync::Arc;

use proptest::prelude::*;
use tokio::runtime::Runtime;
use wharf_core::{BlobWriter, CreateOptions, ErrorKind, Repository, UploadId};
use wharf_digest::{Algorithm, Digest};
use wharf_storage::Options;

use crate::support::*;

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Suspend,
    /// The connection breaks.
    Drop,
    Resume,
    CommitWrong,
    Commit(Algorithm),
    Cancel,
}

/// What a session should hold.
#[derive(Default)]
struct Model {
    saved: Vec<u8>,
    /// What the open writer has taken, `None` without one.
    taken: Option<Vec<u8>>,
    ended: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![Just(0), 1..100_usize, 60_000..70_000_usize, 500_000..1_200_000_usize];
    let step = prop_oneof![
        8 => length.prop_map(Step::Write),
        3 => Just(Step::Suspend),
        2 => Just(Step::Drop),
        4 => Just(Step::Resume),
        1 => Just(Step::CommitWrong),
        1 => prop::sample::select(&Algorithm::ALL[..]).prop_map(Step::Commit),
        1 => Just(Step::Cancel),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_session_does_what_the_model_says(
        steps in steps(),
        resumable_digest in any::<bool>(),
        running in prop::sample::select(&Algorithm::ALL[..]),
        disk in any::<bool>(),
    ) {
        Runtime::new().unwrap().block_on(async {
            let place = if disk { on_disk() } else { in_memory() };
            let options = Options { resumable_digest, ..Options::default() };
            check(repository(&place.driver, options), running, steps).await;
        });
    }
}

async fn check(repository: Arc<dyn Repository>, running: Algorithm, steps: Vec<Step>) {
    let options = CreateOptions { algorithm: Some(running), ..CreateOptions::default() };
    let mut writer = Some(begin_with(&*repository, options).await.unwrap());
    let id = writer.as_ref().unwrap().id().clone();
    let mut model = Model { taken: Some(Vec::new()), ..Model::default() };
    for (number, step) in steps.into_iter().enumerate() {
        apply(&*repository, &id, &mut writer, &mut model, number as u64, step).await;
        agree(&*repository, &id, writer.as_deref(), &model).await;
    }
}

async fn apply(
    repository: &dyn Repository,
    id: &UploadId,
    writer: &mut Option<Box<dyn BlobWriter>>,
    model: &mut Model,
    seed: u64,
    step: Step,
) {
    let (open, taken) = match (writer.as_mut(), model.taken.as_mut()) {
        (Some(open), Some(taken)) => (open, taken),
        _ => return resume(repository, id, writer, model, step).await,
    };
    match step {
        Step::Write(length) => {
            let chunk = content(seed, length);
            taken.extend(&chunk);
            open.write(chunk.into()).await.unwrap();
        }
        Step::Suspend => {
            let status = open.suspend().await.unwrap();
            assert_eq!(status.size, taken.len() as u64);
            model.saved.clone_from(taken);
        }
        Step::Drop => {
            model.taken = None;
            *writer = None;
        }
        Step::Resume => {}
        Step::CommitWrong => {
            let error = open.commit(&Digest::sha256(b"something else")).await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::DigestMismatch { .. }), "{error}");
        }
        Step::Commit(algorithm) => {
            let digest = Digest::of(algorithm, taken);
            let descriptor = open.commit(&digest).await.unwrap();
            assert_eq!((descriptor.digest, descriptor.size), (digest, taken.len() as u64));
            assert_eq!(pull(repository, &digest).await.as_ref(), Some(&*taken));
            *model = Model { ended: true, ..Model::default() };
            *writer = None;
        }
        Step::Cancel => {
            open.cancel().await.unwrap();
            *model = Model { ended: true, ..Model::default() };
            *writer = None;
        }
    }
}

async fn resume(
    repository: &dyn Repository,
    id: &UploadId,
    writer: &mut Option<Box<dyn BlobWriter>>,
    model: &mut Model,
    step: Step,
) {
    if !matches!(step, Step::Resume) {
        return;
    }
    match repository.blobs().resume(id).await {
        Ok(resumed) => {
            assert!(!model.ended);
            model.taken = Some(model.saved.clone());
            *writer = Some(resumed);
        }
        Err(error) => {
            assert!(model.ended && matches!(error.kind(), ErrorKind::UploadUnknown(_)), "{error}");
        }
    }
}

async fn agree(
    repository: &dyn Repository,
    id: &UploadId,
    writer: Option<&dyn BlobWriter>,
    model: &Model,
) {
    let status = repository.blobs().status(id).await;
    match (status, model.ended) {
        (Ok(status), false) => assert_eq!(status.size, model.saved.len() as u64),
        (Err(error), true) => assert!(error.is_unknown(), "{error}"),
        (status, ended) => panic!("{status:?} although ended is {ended}"),
    }
    let size = writer.map(|writer| writer.size());
    assert_eq!(size, model.taken.as_ref().map(|taken| taken.len() as u64));
}
