//! How far an endpoint has come, in a file.
//!
//! It is written after each event that was delivered, and not synced: after a power cut some are
//! delivered again. Only that there *is* a cursor is durable, since one who has none gets nothing of
//! what happened before.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use wharf_digest::{Algorithm, Digest, Digester};

/// The number of the next event for one endpoint.
#[derive(Debug)]
pub(crate) struct Cursor {
    file: File,
    path: PathBuf,
    name: String,
}

/// A number and its checksum.
const LENGTH: usize = 16;

const SUFFIX: &str = ".cursor";

// === impl Cursor ===

impl Cursor {
    /// The cursor of an endpoint, and where it stands; `None` if there is none.
    pub(crate) fn open(folder: &Path, name: &str) -> io::Result<Option<(Self, u64)>> {
        let path = folder.join(file_name(name));
        let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::with_capacity(LENGTH + 1);
        (&mut file).take(LENGTH as u64 + 1).read_to_end(&mut bytes)?;
        let next = parse(name, &bytes);
        if next.is_none() {
            tracing::warn!(
                endpoint = name,
                "it is not known what was delivered: it gets all again"
            );
        }
        Ok(Some((Self { file, path, name: name.to_owned() }, next.unwrap_or(0))))
    }

    /// A cursor that stands at this number; durable when it returns.
    pub(crate) fn create(folder: &Path, name: &str, next: u64) -> io::Result<Self> {
        let path = folder.join(file_name(name));
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(true).open(&path)?;
        file.write_all(&encode(name, next))?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok(Self { file, path, name: name.to_owned() })
    }

    /// Goes on to this number.
    pub(crate) fn advance(&self, next: u64) -> io::Result<()> {
        self.file.write_all_at(&encode(&self.name, next), 0)
    }

    /// Gives it up.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// The highest number at which any cursor of a folder stands, and the files of those that belong
    /// to none of these endpoints.
    pub(crate) fn survey(folder: &Path, names: &[&str]) -> io::Result<(u64, Vec<PathBuf>)> {
        let (mut highest, mut others) = (0, Vec::new());
        for name in names {
            highest = highest.max(Self::open(folder, name)?.map_or(0, |(_, next)| next));
        }
        let ours: Vec<_> = names.iter().map(|name| file_name(name)).collect();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| name.ends_with(SUFFIX)) else { continue };
            if !ours.iter().any(|own| own == name) {
                others.push(entry.path());
                // Whose it is cannot be told, but how far it has come can.
                let bytes = fs::read(entry.path()).unwrap_or_default();
                let next = bytes.first_chunk().map_or(0, |next| u64::from_le_bytes(*next));
                highest = highest.max(next.min(u64::MAX / 2));
            }
        }
        Ok((highest, others))
    }
}

/// A name that any file system takes, for a name that is any text.
fn file_name(name: &str) -> String {
    let digest = Digest::sha256(name.as_bytes()).encoded();
    format!("{}{SUFFIX}", &digest[..24])
}

fn encode(name: &str, next: u64) -> [u8; LENGTH] {
    let mut digester = Digester::new(Algorithm::Sha256);
    digester.update(name.as_bytes());
    digester.update(&next.to_le_bytes());
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&next.to_le_bytes());
    bytes[8..].copy_from_slice(&digester.finish().as_bytes()[..8]);
    bytes
}

fn parse(name: &str, bytes: &[u8]) -> Option<u64> {
    let next = u64::from_le_bytes(*bytes.first_chunk()?);
    (bytes == encode(name, next)).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_found_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(Cursor::open(path, "a/b").unwrap().is_none());
        let cursor = Cursor::create(path, "a/b", 5).unwrap();
        assert_eq!(Cursor::open(path, "a/b").unwrap().unwrap().1, 5);
        cursor.advance(9).unwrap();
        assert_eq!(Cursor::open(path, "a/b").unwrap().unwrap().1, 9);
        assert!(Cursor::open(path, "a").unwrap().is_none());
        let (highest, others) = Cursor::survey(path, &["c"]).unwrap();
        assert_eq!((highest, others.len()), (9, 1));
        assert_eq!(Cursor::survey(path, &["a/b"]).unwrap(), (9, Vec::new()));
        cursor.remove().unwrap();
        assert!(Cursor::open(path, "a/b").unwrap().is_none());
    }

    #[test]
    fn what_is_damaged_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        Cursor::create(folder.path(), "a", 300).unwrap();
        let file = folder.path().join(file_name("a"));
        let whole = fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).unwrap();
            assert_eq!(Cursor::open(folder.path(), "a").unwrap().unwrap().1, 0, "{cut}");
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(&file, damaged).unwrap();
            assert_eq!(Cursor::open(folder.path(), "a").unwrap().unwrap().1, 0, "{place}");
        }
    }
}
