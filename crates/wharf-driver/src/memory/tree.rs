//! A tree of names, kept flat and in the order in which folders are listed.

use std::{collections::BTreeMap, ops::Bound, time::SystemTime};

use bytes::{Bytes, BytesMut};

use crate::{
    Checkpoint, Entry, EntryKind, Error, ErrorKind, ListRequest, Listing, Metadata, Result,
    StoragePath,
};

/// Content and sessions by key. A key is a path with `/` as a zero byte, which sorts before every
/// byte of a name: so everything below `1.0` stands together, before `1.0-alpine`, and the order of
/// the keys below a folder is the order of its names.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<String, Node>);

#[derive(Debug)]
pub(super) enum Node {
    Content { bytes: Bytes, modified: SystemTime },
    Session(Session),
}

/// What is kept of an upload session while nobody holds it.
#[derive(Debug)]
pub(super) struct Session {
    /// Who holds it.
    pub(super) writer: Option<u64>,
    /// Whether a byte was ever appended, saved or not.
    pub(super) touched: bool,
    pub(super) checkpoint: Checkpoint,
    /// The bytes up to the checkpoint.
    pub(super) saved: Vec<Bytes>,
    pub(super) modified: SystemTime,
}

const SEPARATOR: char = '\0';
/// Sorts after everything below a name, and before every longer name.
const PAST: char = '\u{1}';

// === impl Tree ===

impl Tree {
    pub(super) fn get(&self, path: &StoragePath) -> Option<&Node> {
        self.0.get(&key(path))
    }

    pub(super) fn get_mut(&mut self, path: &StoragePath) -> Option<&mut Node> {
        self.0.get_mut(&key(path))
    }

    /// Puts a node, unless the path is a folder or leads through content.
    pub(super) fn insert(&mut self, path: &StoragePath, node: Node) -> Result<()> {
        let mut above = path.parent();
        let mut blocked = path.is_root() || self.has_below(path);
        while let Some(folder) = above.filter(|_| !blocked) {
            blocked = self.get(&folder).is_some();
            above = folder.parent();
        }
        if blocked {
            return Err(Error::new(ErrorKind::InvalidPath, path));
        }
        self.0.insert(key(path), node);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &StoragePath) -> Option<Node> {
        self.0.remove(&key(path))
    }

    pub(super) fn remove_below(&mut self, folder: &StoragePath) -> bool {
        let prefix = below(folder);
        let doomed: Vec<String> = self.keys_below(&prefix, &prefix).map(str::to_owned).collect();
        doomed.iter().for_each(|key| drop(self.0.remove(key)));
        !doomed.is_empty()
    }

    pub(super) fn children(&self, folder: &StoragePath, request: ListRequest<'_>) -> Listing {
        let prefix = below(folder);
        let mut listing = Listing::default();
        let mut from = match request.after {
            Some(name) => format!("{prefix}{name}{PAST}"),
            None => prefix.clone(),
        };
        while let Some(key) = self.keys_below(&prefix, &from).next() {
            if listing.entries.len() >= request.limit {
                listing.more = true;
                break;
            }
            let entry = entry(&key[prefix.len()..]);
            from = format!("{prefix}{}{PAST}", entry.name);
            listing.entries.push(entry);
        }
        listing
    }

    fn has_below(&self, path: &StoragePath) -> bool {
        let prefix = below(path);
        self.keys_below(&prefix, &prefix).next().is_some()
    }

    fn keys_below<'a>(
        &'a self,
        prefix: &'a str,
        from: &str,
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .map(|(key, _)| key.as_str())
            .take_while(move |key| key.starts_with(prefix))
    }
}

// === impl Node ===

impl Node {
    pub(super) fn content(bytes: Bytes) -> Self {
        Self::Content { bytes, modified: SystemTime::now() }
    }

    /// The bytes that a reader of the path finds.
    pub(super) fn read(&self) -> (Bytes, Metadata) {
        let (bytes, modified) = match self {
            Self::Content { bytes, modified } => (bytes.clone(), *modified),
            Self::Session(session) => (joined(&session.saved), session.modified),
        };
        let size = bytes.len() as u64;
        (bytes, Metadata { size, modified })
    }
}

/// The pieces as one, without a copy where there is only one.
pub(super) fn joined(pieces: &[Bytes]) -> Bytes {
    if let [only] = pieces {
        return only.clone();
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
    whole.freeze()
}

fn key(path: &StoragePath) -> String {
    path.as_str().replace('/', "\0")
}

/// The prefix of the keys of everything below a folder.
fn below(folder: &StoragePath) -> String {
    match folder.is_root() {
        true => String::new(),
        false => format!("{}{SEPARATOR}", key(folder)),
    }
}

fn entry(rest: &str) -> Entry {
    match rest.split_once(SEPARATOR) {
        Some((name, _)) => Entry { name: name.to_owned(), kind: EntryKind::Folder },
        None => Entry { name: rest.to_owned(), kind: EntryKind::File },
    }
}
