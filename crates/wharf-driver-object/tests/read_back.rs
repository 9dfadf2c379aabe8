//! Assembly by reading back: what it makes, and how much of it is in memory at once.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use support::TestStore;
use wharf_driver_object::{Assemble, Piece, ReadBack};
use wharf_testkit::driver_suite::pattern;

const MIB: usize = 1 << 20;

/// Stores pieces of these lengths and makes one object of them; says how many parts it was put in.
async fn assembled(lengths: &[usize]) -> usize {
    let store = TestStore::new();
    let (mut pieces, mut expected) = (Vec::new(), Vec::new());
    for (number, length) in lengths.iter().enumerate() {
        let (location, bytes) = (Path::from(format!("piece-{number}")), pattern(7, *length));
        expected.extend_from_slice(&bytes);
        pieces.push(Piece { location: location.clone(), size: *length as u64 });
        store.put(&location, bytes.into()).await.unwrap();
    }
    store.calls();
    let target = Path::from("target");
    let objects: Arc<dyn ObjectStore> = Arc::new(store.clone());
    ReadBack::new(objects).assemble(&pieces, &target).await.unwrap();
    let parts = store.calls().into_iter().filter(|call| *call == "part").count();
    let made = store.get(&target).await.unwrap().bytes().await.unwrap();
    assert!(made == expected, "{lengths:?}: other bytes");
    parts
}

#[tokio::test]
async fn parts_are_small_however_large_the_pieces_are() {
    assert_eq!(assembled(&[40 * MIB, 3 * MIB]).await, 6);
    assert_eq!(assembled(&[8 * MIB, 8 * MIB]).await, 2);
    assert_eq!(assembled(&[5 * MIB, 5 * MIB, 5 * MIB, 1]).await, 2);
    assert_eq!(assembled(&[8 * MIB + 1, 1]).await, 2);
    // One alone is copied by the store.
    assert_eq!(assembled(&[9 * MIB]).await, 0);
}

#[tokio::test]
async fn a_piece_of_another_size_leaves_nothing_behind() {
    let store = TestStore::new();
    let location = Path::from("piece");
    store.put(&location, "four".into()).await.unwrap();
    let pieces = [5, 4].map(|size| Piece { location: location.clone(), size });
    store.calls();
    let read_back = ReadBack::new(Arc::new(store.clone()));
    let failed = read_back.assemble(&pieces, &Path::from("target")).await.unwrap_err();
    assert!(failed.to_string().contains("4 of 5 bytes"), "{failed}");
    assert_eq!(store.calls().last(), Some(&"abort"));
    assert_eq!(store.keys().await, ["piece"]);
}
