//! Files that hold secrets: nobody reads them but the owner of the store.

use std::{io, os::unix::fs::MetadataExt};

use wharf_driver::StoragePath;

use crate::disk::Disk;

/// Files that hold secrets, and folders that hold nothing else.
#[derive(Debug, Default)]
pub(crate) struct Private(Vec<StoragePath>);

/// The mode of such a file.
pub(crate) const MODE: u32 = 0o600;

/// Whom the mode of a file lets read or write it, besides its owner and its group.
const OTHERS: u32 = 0o006;

/// No more files of a folder are looked at.
const MOST: usize = 10_000;

// === impl Private ===

impl Private {
    pub(crate) fn new(paths: Vec<StoragePath>) -> Self {
        Self(paths)
    }

    /// Whether a file of this name is one.
    pub(crate) fn covers(&self, path: &StoragePath) -> bool {
        self.0.iter().any(|private| {
            let rest = path.as_str().strip_prefix(private.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Says in the log which ones everybody can read: those of an earlier version, or of a careless copy.
    pub(crate) fn check(&self, disk: &Disk) {
        for path in self.0.iter().filter(|path| is_exposed(disk, path).unwrap_or(false)) {
            let place = disk.place(path);
            tracing::warn!(
                "{0} holds secrets, and everybody on this machine can read it: chmod -R o= {0}",
                place.display()
            );
        }
    }
}

/// Whether others can read or write a file, or one in a folder.
fn is_exposed(disk: &Disk, path: &StoragePath) -> io::Result<bool> {
    let found = disk.describe(path)?;
    if !found.is_dir() {
        return Ok(found.mode() & OTHERS != 0);
    }
    // Who cannot enter the folder reaches nothing in it.
    if found.mode() & 0o001 == 0 {
        return Ok(false);
    }
    let names = disk.names(path)?;
    let files = names.iter().take(MOST).filter_map(|name| path.join(name).ok());
    let mut described = files.filter_map(|file| disk.describe(&file).ok());
    Ok(described.any(|file| file.mode() & OTHERS != 0))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::Options;

    #[test]
    fn a_folder_covers_what_is_in_it() {
        let path = |text| StoragePath::parse(text).unwrap();
        let private = Private::new(vec![path("a/keys"), path("b")]);
        for covered in ["a/keys", "a/keys/x", "a/keys/x/y", "b"] {
            assert!(private.covers(&path(covered)), "{covered}");
        }
        for open in ["a", "a/keys2", "a/k", "c"] {
            assert!(!private.covers(&path(open)), "{open}");
        }
    }

    #[test]
    fn what_everybody_can_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), &Options::default()).unwrap();
        let keys = folder.path().join("keys");
        fs::create_dir(&keys).unwrap();
        let mode = |name: &str, mode| {
            let file = folder.path().join(name);
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::write(keys.join("one"), "secret").unwrap();
        let exposed = |text| is_exposed(&disk, &StoragePath::parse(text).unwrap()).ok();
        for (folder, file, expected) in [
            (0o755, 0o600, false),
            (0o755, 0o640, false),
            (0o755, 0o644, true),
            (0o755, 0o602, true),
            (0o750, 0o644, false),
        ] {
            mode("keys/one", file);
            mode("keys", folder);
            assert_eq!(exposed("keys"), Some(expected), "{folder:o} {file:o}");
        }
        mode("keys", 0o755);
        assert_eq!((exposed("keys/one"), exposed("none")), (Some(true), None));
    }
}
