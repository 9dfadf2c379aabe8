//! Files that hold secrets are for the owner of the store.

use std::{fs, os::unix::fs::MetadataExt};

use wharf_driver::{Driver, PutMode, StoragePath};
use wharf_driver_fs::{FsDriver, Options};

#[tokio::test]
async fn what_is_private_is_for_the_owner_only() {
    for plain in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |text: &str| StoragePath::parse(text).expect("valid");
        let options =
            Options { private: vec![path("keys"), path("one")], plain, ..Options::default() };
        let driver = FsDriver::new(folder.path(), options).expect("opened");
        let mode = |name: &str| {
            let found = fs::metadata(folder.path().join(name)).expect("it is there");
            assert_eq!(found.uid(), fs::metadata(folder.path()).expect("the root").uid());
            found.mode() & 0o777
        };
        for put in [PutMode::Create, PutMode::Overwrite, PutMode::Draft] {
            for name in ["keys/a", "keys/b/c", "one", "open"] {
                driver.put(&path(name), "x".into(), put).await.expect("written");
            }
            assert_eq!([mode("keys/a"), mode("keys/b/c"), mode("one")], [0o600; 3]);
            assert_ne!(mode("open"), 0o600);
        }
        // What was open to others is not any more once it is written.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(folder.path().join("one"), readable).expect("changed");
        driver.put(&path("one"), "y".into(), PutMode::Overwrite).await.expect("written");
        assert_eq!(mode("one"), 0o600);
    }
}
