//! An upload session next to a model of it.

use std::sync::Arc;

use wharf_driver::{Checkpoint, Driver, StoragePath, Upload};

use super::{Subject, all, append, begin, path, pattern, take_up, whole};

#[derive(Default)]
struct Model {
    bytes: Vec<u8>,
    checkpoint: Checkpoint,
    touched: bool,
    published: Vec<(StoragePath, Vec<u8>)>,
}

/// What a session should be, next to what it is, over some hundred random operations.
pub async fn a_model_agrees(subject: Arc<Subject>) {
    let driver = subject.driver();
    let session = path("uploads/model");
    for seed in 1..=8 {
        let mut upload = begin(&*driver, &session).await;
        let mut model = Model::default();
        for (step, choice) in pattern(seed, 60).into_iter().enumerate() {
            step_both(&*driver, &session, &mut upload, &mut model, step as u64, choice).await;
            assert_eq!(upload.size(), model.bytes.len() as u64, "seed {seed}, step {step}");
            assert_eq!(upload.checkpoint(), &model.checkpoint, "seed {seed}, step {step}");
            let content = upload.read_back().await.expect("it is read");
            assert_eq!(all(content).await, model.bytes, "seed {seed}, step {step}");
            for (target, bytes) in &model.published {
                assert_eq!(whole(&*driver, target).await, *bytes, "seed {seed}, step {step}");
            }
        }
        upload.discard().await.expect("it is discarded");
        driver.delete_below(&path("model")).await.expect("it goes");
    }
}

async fn step_both(
    driver: &dyn Driver,
    session: &StoragePath,
    upload: &mut Box<dyn Upload>,
    model: &mut Model,
    step: u64,
    choice: u8,
) {
    match choice % 8 {
        0..=2 => {
            let piece = pattern(step, usize::from(choice) * 3);
            append(upload, &piece).await;
            model.bytes.extend_from_slice(&piece);
            model.touched |= !piece.is_empty();
        }
        3 | 4 => {
            let state = pattern(step, usize::from(choice));
            upload.save(state.clone()).await.expect("it is saved");
            model.checkpoint = Checkpoint { length: model.bytes.len() as u64, state };
            model.touched = true;
        }
        5 if model.touched => {
            // The writer goes before the next one comes.
            let other = StoragePath::parse("uploads/other").expect("a valid path");
            *upload = begin(driver, &other).await;
            *upload = take_up(driver, session).await;
            model.bytes.truncate(model.checkpoint.length as usize);
        }
        6 => {
            let target = path(&format!("model/{step}"));
            upload.publish(&target).await.expect("it is published");
            model.published.push((target, model.bytes.clone()));
        }
        _ => {}
    }
}
