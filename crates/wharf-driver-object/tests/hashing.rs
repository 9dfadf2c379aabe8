//! Who signs what it sends finds that it was hashed while it came.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use bytes::Bytes;
use support::TestStore;
use wharf_digest::{Algorithm, Digest, Digester};
use wharf_driver::{Driver, Upload};
use wharf_driver_object::{ObjectDriver, Options};
use wharf_testkit::driver_suite::{path, pattern};

/// Two pieces and a bit.
const LENGTH: usize = (20 << 20) + 77;

fn driver(store: &TestStore) -> ObjectDriver {
    let mut store = store.store();
    store.hashes = true;
    ObjectDriver::new("test", store, Options::default()).unwrap()
}

/// Appends it all, a batch at a time, and says what it hashes to.
async fn append(upload: &mut Box<dyn Upload>, content: &Bytes, algorithm: Algorithm) -> Digest {
    let mut digester = Digester::new(algorithm);
    for at in (0..content.len()).step_by(1 << 20) {
        let batch = content.slice(at..content.len().min(at + (1 << 20)));
        digester = upload.append_hashed(batch, digester).await.unwrap();
    }
    digester.finish()
}

#[tokio::test]
async fn every_piece_of_a_session_is_known_and_so_is_every_part_of_a_blob() {
    let content = pattern(1, LENGTH);
    for (algorithm, direct) in
        [(Algorithm::Sha256, false), (Algorithm::Sha256, true), (Algorithm::Sha512, true)]
    {
        let store = TestStore::new();
        let driver = driver(&store);
        let blob = path("blobs/one");
        let mut upload = match direct {
            true => driver.begin_direct(&blob, Some(LENGTH as u64)).await.unwrap().unwrap(),
            false => driver.begin_upload(&path("uploads/one"), None).await.unwrap(),
        };
        let digest = append(&mut upload, &content, algorithm).await;
        assert_eq!(digest, Digest::of(algorithm, &content));
        upload.publish(&blob).await.unwrap();
        assert_eq!(driver.get(&blob, u64::MAX).await.unwrap(), content);
        let (known, _) = store.hashed();
        assert_eq!(known, LENGTH as u64, "{algorithm} {direct}");
    }
}

/// What nobody hashed from its beginning is not known, and nothing false is said of it.
#[tokio::test]
async fn what_was_partly_hashed_is_not_known() {
    let content = pattern(2, 3 << 20);
    let store = TestStore::new();
    let driver = driver(&store);
    let session = path("uploads/one");
    let mut upload = driver.begin_upload(&session, None).await.unwrap();
    upload.append(vec![content.slice(..1000)]).await.unwrap();
    append(&mut upload, &content, Algorithm::Sha256).await;
    upload.save(Bytes::from_static(b"state")).await.unwrap();
    drop(upload);
    let mut upload = driver.resume_upload(&session).await.unwrap();
    append(&mut upload, &content, Algorithm::Sha256).await;
    upload.append(vec![content.slice(..7)]).await.unwrap();
    upload.publish(&path("blobs/one")).await.unwrap();
    assert_eq!(store.hashed().0, 0);
    let expected = [&content[..1000], &content, &content, &content[..7]].concat();
    assert!(driver.get(&path("blobs/one"), u64::MAX).await.unwrap() == expected);
}

/// A store that signs nothing does not make us hash twice.
#[tokio::test]
async fn nothing_is_hashed_for_a_store_that_does_not_ask() {
    let content = pattern(3, LENGTH);
    let store = TestStore::new();
    let driver = store.driver(Options::default());
    let mut upload = driver.begin_upload(&path("uploads/one"), None).await.unwrap();
    let digest = append(&mut upload, &content, Algorithm::Sha256).await;
    assert_eq!(digest, Digest::sha256(&content));
    upload.publish(&path("blobs/one")).await.unwrap();
    assert_eq!(store.hashed().0, 0);
}
