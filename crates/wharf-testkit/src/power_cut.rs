//! What a power cut may leave of a directory.
//!
//! A [`wharf_driver_fs::trace::Trace`] records what a filesystem driver does. A [`Disk`] replays any
//! first part of it, remembers of every file and folder what was synced, and leaves in a folder what
//! a real disk could have kept at that point: synced content and names always, the rest as
//! [`Survival`] says. The driver's root has to be empty when the trace begins.
//!
//! ```ignore
//! let trace = Trace::new();
//! let options = Options { trace: Some(trace.clone()), ..Options::default() };
//! let driver = FsDriver::new(root, options)?;
//! // ... use it, and note `trace.len()` at every acknowledgement ...
//! let mut disk = Disk::new();
//! for step in trace.steps() {
//!     disk.apply(&step);
//!     disk.leave(new_empty_folder, Survival::Nothing)?;
//!     // ... look for what was acknowledged up to here ...
//! }
//! ```

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
};

use wharf_driver::StoragePath;
use wharf_driver_fs::trace::{FileId, Step};

/// The state of a disk after some steps.
#[derive(Clone, Debug)]
pub struct Disk {
    nodes: Vec<Node>,
    open: HashMap<FileId, usize>,
}

/// What becomes of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// All is lost.
    Nothing,
    /// Names are kept, content is lost: a file system that orders its journal before its data.
    Names,
    /// All is kept: only the process died.
    Everything,
    /// Of every folder and every file the first few changes, the last of them perhaps in part.
    Some(u64),
}

#[derive(Clone, Debug)]
enum Node {
    Folder { synced: Names, live: Names, changes: Vec<(String, Option<usize>)> },
    File { synced: Vec<u8>, live: Vec<u8>, edits: Vec<Edit> },
}

#[derive(Clone, Debug)]
enum Edit {
    Write(usize, Vec<u8>),
    Cut(usize),
}

/// The entries of a folder, by the number of the node.
type Names = BTreeMap<String, usize>;

const ROOT: usize = 0;

// === impl Disk ===

impl Default for Disk {
    fn default() -> Self {
        Self { nodes: vec![Node::folder()], open: HashMap::new() }
    }
}

impl Disk {
    /// An empty root.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does what a step did.
    ///
    /// # Panics
    ///
    /// If the steps do not follow from each other, as those of one trace do.
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::MakeFolder(path) => self.add(path, Node::folder()),
            Step::Create(path, id) => {
                self.add(path, Node::file());
                self.open.insert(*id, self.nodes.len() - 1);
            }
            Step::Open(path, id) => drop(self.open.insert(*id, self.node(path))),
            Step::Write(id, offset, bytes) => {
                self.edit(*id, Edit::Write(*offset as usize, bytes.to_vec()));
            }
            Step::Cut(id, length) => self.edit(*id, Edit::Cut(*length as usize)),
            Step::SyncFile(id) => self.nodes[self.open[id]].sync(),
            Step::SyncPath(path) | Step::SyncFolder(path) => {
                // A folder that somebody moved away meanwhile may have been synced by its old name.
                if let Some(node) = self.find(path) {
                    self.nodes[node].sync();
                }
            }
            Step::SyncAll => self.nodes.iter_mut().for_each(Node::sync),
            Step::Rename(from, to) => {
                let node = self.node(from);
                self.name(to, Some(node));
                self.name(from, None);
            }
            Step::Link(from, to) => self.name(to, Some(self.node(from))),
            Step::Unlink(path) | Step::RemoveTree(path) => self.name(path, None),
        }
    }

    /// Writes what is left after a power cut into an empty folder.
    pub fn leave(&self, folder: &Path, survival: Survival) -> io::Result<()> {
        let mut placed = HashMap::new();
        self.leave_folder(ROOT, folder, survival, &mut placed)
    }

    fn leave_folder(
        &self,
        node: usize,
        folder: &Path,
        survival: Survival,
        placed: &mut HashMap<usize, PathBuf>,
    ) -> io::Result<()> {
        for (name, child) in self.nodes[node].names_left(survival.of(node)) {
            let path = folder.join(name);
            let known = placed.insert(child, path.clone());
            match (&self.nodes[child], known) {
                (Node::File { .. }, Some(first)) => fs::hard_link(first, path)?,
                (Node::File { .. }, None) => {
                    fs::write(path, self.nodes[child].content_left(survival.of(child)))?;
                }
                // No disk has a folder in two places.
                (Node::Folder { .. }, Some(_)) => {}
                (Node::Folder { .. }, None) => {
                    fs::create_dir(&path)?;
                    self.leave_folder(child, &path, survival, placed)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &StoragePath, node: Node) {
        self.nodes.push(node);
        self.name(path, Some(self.nodes.len() - 1));
    }

    fn name(&mut self, path: &StoragePath, node: Option<usize>) {
        let parent = self.node(&path.parent().expect("the root is not renamed"));
        let name = path.name().expect("the root is not renamed").to_owned();
        let Node::Folder { live, changes, .. } = &mut self.nodes[parent] else {
            panic!("{path}: its parent is no folder");
        };
        rename(live, &name, node);
        changes.push((name, node));
    }

    fn node(&self, path: &StoragePath) -> usize {
        self.find(path).unwrap_or_else(|| panic!("{path:?} is not there"))
    }

    fn find(&self, path: &StoragePath) -> Option<usize> {
        path.components().try_fold(ROOT, |node, name| match &self.nodes[node] {
            Node::Folder { live, .. } => live.get(name).copied(),
            Node::File { .. } => None,
        })
    }

    fn edit(&mut self, id: FileId, edit: Edit) {
        let Node::File { live, edits, .. } = &mut self.nodes[self.open[&id]] else {
            panic!("{id:?} is no file");
        };
        edit.apply(live);
        edits.push(edit);
    }
}

// === impl Node ===

impl Node {
    fn folder() -> Self {
        Self::Folder { synced: Names::new(), live: Names::new(), changes: Vec::new() }
    }

    fn file() -> Self {
        Self::File { synced: Vec::new(), live: Vec::new(), edits: Vec::new() }
    }

    fn sync(&mut self) {
        match self {
            Self::Folder { synced, live, changes } => {
                synced.clone_from(live);
                changes.clear();
            }
            Self::File { synced, live, edits } => {
                synced.clone_from(live);
                edits.clear();
            }
        }
    }

    fn names_left(&self, survival: Survival) -> Names {
        let Self::Folder { synced, live, changes } = self else {
            return Names::new();
        };
        match survival {
            Survival::Nothing => synced.clone(),
            Survival::Names | Survival::Everything => live.clone(),
            Survival::Some(dice) => {
                let mut names = synced.clone();
                let kept = dice as usize % (changes.len() + 1);
                changes[..kept].iter().for_each(|(name, node)| rename(&mut names, name, *node));
                names
            }
        }
    }

    fn content_left(&self, survival: Survival) -> Vec<u8> {
        let Self::File { synced, live, edits } = self else {
            return Vec::new();
        };
        let Survival::Some(dice) = survival else {
            return if survival == Survival::Everything { live.clone() } else { synced.clone() };
        };
        let mut content = synced.clone();
        let kept = dice as usize % (edits.len() + 1);
        edits[..kept].iter().for_each(|edit| edit.apply(&mut content));
        match edits.get(kept) {
            Some(Edit::Write(offset, bytes)) => {
                let half = bytes[..bytes.len() / 2].to_vec();
                Edit::Write(*offset, half).apply(&mut content);
            }
            Some(Edit::Cut(_)) | None => {}
        }
        // The length may be there before the bytes are.
        if dice & (1 << 32) != 0 && content.len() < live.len() {
            content.resize(live.len(), 0);
        }
        content
    }
}

// === impl Edit ===

impl Edit {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => content.resize(*length, 0),
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

// === impl Survival ===

impl Survival {
    /// What becomes of one node: its own throw of the dice.
    fn of(self, node: usize) -> Self {
        match self {
            Self::Some(seed) => {
                let mixed = (seed ^ ((node as u64) << 17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                Self::Some(mixed ^ (mixed >> 29))
            }
            other => other,
        }
    }
}

fn rename(names: &mut Names, name: &str, node: Option<usize>) {
    match node {
        Some(node) => drop(names.insert(name.to_owned(), node)),
        None => drop(names.remove(name)),
    }
}
