//! The checkpoint of an upload session on disk, as a crash or a stranger may have left it.

use std::fs;

use wharf_driver::{Driver, StoragePath};
use wharf_driver_fs::{FsDriver, Options};

use crate::input::block_on;

/// What lies in the session, whatever the checkpoint says of it.
const DATA: &[u8] = b"sixteen bytes are";

/// A session is taken up with no more bytes than there are, or not at all.
pub fn check(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = folder.path().join("session");
    fs::create_dir(&session).expect("a folder in an empty one");
    fs::write(session.join("data"), DATA).expect("a file in an empty folder");
    fs::write(session.join("checkpoint"), data).expect("a file in an empty folder");

    let driver = FsDriver::new(folder.path(), Options::default()).expect("the folder is there");
    let path = StoragePath::parse("session").expect("a constant");
    block_on(async {
        let stored = driver.upload_checkpoint(&path).await;
        match driver.resume_upload(&path).await {
            Ok(upload) => {
                assert!(upload.size() <= DATA.len() as u64);
                assert_eq!(upload.size(), upload.checkpoint().length);
                assert_eq!(stored.ok().as_ref(), Some(upload.checkpoint()));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
