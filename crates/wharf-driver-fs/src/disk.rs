//! The only place that touches the disk: every name is resolved beneath the root, and every change
//! goes through the trace, if there is one.

use std::{
    ffi::CString,
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{MetadataExt, fchown},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, fsync, linkat, mkdirat, openat, renameat, unlinkat},
    io::Errno,
};
use wharf_driver::{EntryKind, ListRequest, Listing, StoragePath};

use crate::{
    crowd::Syncs,
    driver::Options,
    fault::{is_absent, is_taken},
    identity::{Identity, Seen},
    listing::Listings,
    place::HIDDEN,
    private,
    ready::{Kernel, Miss},
    remove::remove_tree,
    trace::{FileId, Step, Trace, take},
    writable::Writable,
    writers::{Age, Writers},
};

/// A root and what lies beneath it.
#[derive(Debug)]
pub(crate) struct Disk {
    root: OwnedFd,
    path: PathBuf,
    /// Whether the kernel has openat2(2); a container runtime may refuse it.
    beneath: bool,
    /// Whether the file system is taken to have hard links.
    links: bool,
    next_file: AtomicU64,
    trace: Option<Trace>,
    syncs: Arc<Syncs>,
    listings: Listings,
    writers: Writers,
    /// What the kernel does without waiting.
    pub(crate) kernel: Kernel,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A folder that is not read itself.
const SEEN: OFlags = FOLDER.union(OFlags::PATH);
/// Not blocking, so that a pipe somebody left in the tree cannot hang us.
pub(crate) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const EDIT: OFlags = OFlags::RDWR.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const CREATE: OFlags = OFlags::RDWR
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

// === impl Disk ===

impl Disk {
    /// Opens a root, which is made if it is not there.
    pub(crate) fn open(path: &Path, options: &Options) -> io::Result<Self> {
        let plain = options.plain;
        make_root(path)?;
        let path = path.canonicalize()?;
        let root = openat(rustix::fs::CWD, &path, FOLDER, Mode::empty())?;
        let beneath = !plain && open_beneath(&root, ".", FOLDER).is_ok();
        let kernel = if beneath { Kernel::of(&root, options.reluctance) } else { Kernel::never() };
        let syncs = Syncs::new(&root, options.crowd, options.trace.clone())?;
        Ok(Self {
            root,
            path,
            beneath,
            links: !plain,
            next_file: AtomicU64::new(0),
            trace: options.trace.clone(),
            syncs: Arc::new(syncs),
            listings: Listings::new(options.listed_names),
            writers: Writers::default(),
            kernel,
        })
    }

    /// Which folder the root is.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        Identity::of(&self.root)
    }

    /// One page of a folder.
    pub(crate) fn list(&self, path: &StoragePath, request: ListRequest<'_>) -> io::Result<Listing> {
        self.listings.page(self, path, request)
    }

    /// The same if that takes no waiting.
    pub(crate) fn list_now(
        &self,
        path: &StoragePath,
        request: ListRequest<'_>,
    ) -> Result<Listing, Miss> {
        self.page_now(Seen::of(self.folder_now(path)?), request)
    }

    /// The same of a folder below an open one. Where its neighbour is in memory it is taken to be, too.
    pub(crate) fn list_below_now(
        &self,
        above: &File,
        path: &StoragePath,
        request: ListRequest<'_>,
        is_near: bool,
    ) -> Result<Listing, Miss> {
        let seen = match is_near {
            true => Ok(self.kernel.see(above, path.as_str())?),
            false => Seen::of(self.kernel.open(above, path.as_str(), SEEN)?),
        };
        self.page_now(seen, request)
    }

    pub(crate) fn page_now(
        &self,
        seen: io::Result<Seen>,
        request: ListRequest<'_>,
    ) -> Result<Listing, Miss> {
        let page = seen.ok().and_then(|seen| self.listings.page_now(seen, request));
        page.ok_or(Miss::Later)
    }

    /// A folder that is there, to be described or gone on from, if that takes no waiting.
    pub(crate) fn folder_now(&self, path: &StoragePath) -> Result<File, Miss> {
        self.kernel.open(&self.root, name_of(path), SEEN)
    }

    /// The same if no symlink leads there.
    pub(crate) fn folder_itself_now(&self, path: &StoragePath) -> Result<File, Miss> {
        self.itself_now(path, SEEN)
    }

    /// Opens what is there, to which no symlink leads, if that takes no waiting.
    pub(crate) fn itself_now(&self, path: &StoragePath, flags: OFlags) -> Result<File, Miss> {
        self.kernel.open_itself(&self.root, name_of(path), flags)
    }

    /// How often a folder was read for lists.
    pub(crate) fn scans(&self) -> u64 {
        self.listings.scans()
    }

    /// The age in which nobody else writes.
    pub(crate) fn alone(&self) -> Option<Age> {
        self.writers.alone(self)
    }

    /// A folder that is there.
    pub(crate) fn folder(&self, path: &StoragePath) -> io::Result<OwnedFd> {
        self.resolve(path, FOLDER)
    }

    /// A folder that is made if it is not there, with all above it.
    pub(crate) fn make_folder(&self, path: &StoragePath) -> io::Result<OwnedFd> {
        let absent = match self.folder(path) {
            Err(error) if is_absent(&error) => error,
            found => return found,
        };
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
            return Err(absent);
        };
        let parent = self.make_folder(&parent)?;
        let make = || Ok(mkdirat(&parent, name, Mode::from_raw_mode(0o777))?);
        let made = self.change(&parent, path, Some(EntryKind::Folder), || {
            self.step(make, || Step::MakeFolder(path.clone()))
        });
        match made {
            Ok(()) => {
                let folder = self.folder(path)?;
                // What is known under its number was of another folder, which is gone.
                self.listings.forget(&folder)?;
                Ok(folder)
            }
            Err(error) if is_taken(&error) => self.folder(path),
            Err(error) => Err(error),
        }
    }

    /// Whatever is at a path, not to be read or written but to be described.
    pub(crate) fn describe(&self, path: &StoragePath) -> io::Result<std::fs::Metadata> {
        File::from(self.resolve(path, OFlags::PATH | OFlags::CLOEXEC)?).metadata()
    }

    /// Whatever has a name, a symlink itself and not what it leads to.
    pub(crate) fn describe_name(&self, path: &StoragePath) -> io::Result<std::fs::Metadata> {
        let (folder, name) = self.place_of(path)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(openat(&folder, name, flags, Mode::empty())?).metadata()
    }

    /// A file that is there, for reading.
    pub(crate) fn read(&self, path: &StoragePath) -> io::Result<File> {
        self.resolve(path, READ).map(File::from)
    }

    /// A file that is there, for writing.
    pub(crate) fn edit(&self, path: &StoragePath) -> io::Result<Writable> {
        let id = self.next_id();
        let file = self
            .step(|| self.resolve(path, EDIT).map(File::from), || Step::Open(path.clone(), id))?;
        Ok(self.writable(file, id))
    }

    /// A new file in a folder that is there.
    pub(crate) fn create(&self, path: &StoragePath) -> io::Result<Writable> {
        self.create_as(path, 0o666)
    }

    /// The same, of which the root's owner alone knows the content.
    pub(crate) fn create_private(&self, path: &StoragePath) -> io::Result<Writable> {
        let new = self.create_as(path, private::MODE)?;
        let owner = File::from(self.root.try_clone()?).metadata()?.uid();
        if new.file.metadata()?.uid() != owner {
            // What the superuser makes is for the server. Whoever else makes it reads it alone.
            let _ = fchown(&new.file, Some(owner), None);
        }
        Ok(new)
    }

    fn create_as(&self, path: &StoragePath, mode: u32) -> io::Result<Writable> {
        let (folder, name) = self.place_of(path)?;
        let (id, mode) = (self.next_id(), Mode::from_raw_mode(mode));
        let file = self.change(&folder, path, Some(EntryKind::File), || {
            self.step(
                || Ok(File::from(openat(&folder, name, CREATE, mode)?)),
                || Step::Create(path.clone(), id),
            )
        })?;
        Ok(self.writable(file, id))
    }

    /// Moves the name of a file to where `folder`, which is the open parent of `to`, is now.
    pub(crate) fn rename_into(
        &self,
        from: &StoragePath,
        folder: &OwnedFd,
        to: &StoragePath,
    ) -> io::Result<()> {
        self.move_into(from, folder, to, |source, name, new| {
            Ok(renameat(source, name, folder, new)?)
        })
    }

    /// As [`Disk::rename_into`], but fails if the name is taken.
    pub(crate) fn rename_new_into(
        &self,
        from: &StoragePath,
        folder: &OwnedFd,
        to: &StoragePath,
    ) -> io::Result<()> {
        self.move_into(from, folder, to, |source, name, new| {
            Ok(rename_new(source, name, folder, new)?)
        })
    }

    /// Moves the name of a file, and replaces what is there.
    pub(crate) fn rename(&self, from: &StoragePath, to: &StoragePath) -> io::Result<()> {
        self.rename_into(from, &self.place_of(to)?.0, to)
    }

    /// Moves whatever has a name to a hidden place.
    pub(crate) fn hide(&self, from: &StoragePath, to: &StoragePath) -> io::Result<()> {
        let ((source, name), (folder, new)) = (self.place_of(from)?, self.place_of(to)?);
        self.change(&source, from, None, || {
            self.step(
                || Ok(renameat(&source, name, &folder, new)?),
                || Step::Rename(from.clone(), to.clone()),
            )
        })
    }

    fn move_into(
        &self,
        from: &StoragePath,
        folder: &OwnedFd,
        to: &StoragePath,
        act: impl FnOnce(&OwnedFd, &str, &str) -> io::Result<()>,
    ) -> io::Result<()> {
        let ((source, name), new) = (self.place_of(from)?, last(to)?);
        let done = self.change(folder, to, Some(EntryKind::File), || {
            self.step(|| act(&source, name, new), || Step::Rename(from.clone(), to.clone()))
        });
        if !HIDDEN.hides(from) {
            self.listings.forget(&source)?;
        }
        done
    }

    /// Gives a file a further name where `folder`, which is the open parent of `to`, is now; fails
    /// if the name is taken.
    pub(crate) fn link_into(
        &self,
        from: &StoragePath,
        folder: &OwnedFd,
        to: &StoragePath,
    ) -> io::Result<()> {
        let (source, name) = self.place_of(from)?;
        if !self.links {
            return Err(Errno::OPNOTSUPP.into());
        }
        self.change(folder, to, Some(EntryKind::File), || {
            self.step(
                || Ok(linkat(&source, name, folder, last(to)?, AtFlags::empty())?),
                || Step::Link(from.clone(), to.clone()),
            )
        })
    }

    /// Gives a file a further name.
    pub(crate) fn link(&self, from: &StoragePath, to: &StoragePath) -> io::Result<()> {
        self.link_into(from, &self.place_of(to)?.0, to)
    }

    /// Removes the name of a file.
    pub(crate) fn unlink(&self, path: &StoragePath) -> io::Result<()> {
        let (folder, name) = self.place_of(path)?;
        self.change(&folder, path, None, || {
            self.step(
                || Ok(unlinkat(&folder, name, AtFlags::empty())?),
                || Step::Unlink(path.clone()),
            )
        })
    }

    /// Removes a folder with everything below it, and follows no symlink on the way.
    pub(crate) fn remove_tree(&self, path: &StoragePath) -> io::Result<()> {
        let (folder, name) = self.place_of(path)?;
        self.step(
            || remove_tree(folder.as_fd(), &CString::new(name)?),
            || Step::RemoveTree(path.clone()),
        )
    }

    /// Makes the entries of an open folder durable; `path` is where it is.
    pub(crate) fn sync_folder(&self, path: &StoragePath, folder: &OwnedFd) -> io::Result<()> {
        self.step(|| Ok(fsync(folder)?), || Step::SyncFolder(path.clone()))
    }

    /// Makes folders durable that have been opened: by `act`, or together with what others wait for.
    pub(crate) fn sync_folders(
        &self,
        which: Identity,
        act: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        self.syncs.sync(which, act)
    }

    /// Makes the content of a file that is there durable, whoever wrote it.
    pub(crate) fn sync_path(&self, path: &StoragePath) -> io::Result<()> {
        let file = self.read(path)?;
        self.syncs.sync(Identity::of(&file)?, || {
            self.step(|| file.sync_all(), || Step::SyncPath(path.clone()))
        })
    }

    /// Where a path is, for people.
    pub(crate) fn place(&self, path: &StoragePath) -> PathBuf {
        self.path.join(path.as_str())
    }

    /// The names in a folder, none of which is remembered.
    pub(crate) fn names(&self, folder: &StoragePath) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for found in Dir::new(self.folder(folder)?)? {
            let name = found?.file_name().to_string_lossy().into_owned();
            if !matches!(name.as_str(), "." | "..") {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// A new hidden file that no power cut concerns.
    pub(crate) fn create_untraced(&self, path: &StoragePath) -> io::Result<File> {
        let (folder, name) = self.place_of(path)?;
        Ok(File::from(openat(&folder, name, CREATE, Mode::from_raw_mode(0o666))?))
    }

    /// Moves such a file.
    pub(crate) fn rename_untraced(&self, from: &StoragePath, to: &StoragePath) -> io::Result<()> {
        let ((source, name), (folder, new)) = (self.place_of(from)?, self.place_of(to)?);
        Ok(renameat(&source, name, &folder, new)?)
    }

    /// Removes such a file.
    pub(crate) fn unlink_untraced(&self, path: &StoragePath) -> io::Result<()> {
        let (folder, name) = self.place_of(path)?;
        Ok(unlinkat(&folder, name, AtFlags::empty())?)
    }

    /// Makes a change to the open parent of `path` that lists will know of.
    fn change<T>(
        &self,
        folder: &OwnedFd,
        path: &StoragePath,
        now: Option<EntryKind>,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        if HIDDEN.hides(path) {
            return act();
        }
        match self.writers.announce(self) {
            // On a disk that is full, what makes room has to go on.
            Err(error) if now.is_none() => tracing::warn!(%error, "others do not know of us"),
            announced => announced?,
        }
        self.listings.change(self, folder, (last(path)?, now), act)
    }

    fn place_of<'a>(&self, path: &'a StoragePath) -> io::Result<(OwnedFd, &'a str)> {
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.folder(&folder)?, last(path)?))
    }

    fn writable(&self, file: File, id: FileId) -> Writable {
        Writable { file, id, trace: self.trace.clone(), syncs: Arc::clone(&self.syncs) }
    }

    fn next_id(&self) -> FileId {
        FileId(self.next_file.fetch_add(1, Ordering::Relaxed))
    }

    fn step<T>(
        &self,
        act: impl FnOnce() -> io::Result<T>,
        step: impl FnOnce() -> Step,
    ) -> io::Result<T> {
        take(self.trace.as_ref(), act, step)
    }

    /// Opens what is there if that takes no waiting for the disk.
    pub(crate) fn resolve_now(&self, path: &StoragePath, flags: OFlags) -> Result<File, Miss> {
        self.kernel.open(&self.root, path.as_str(), flags)
    }

    /// Opens what is there, beneath the root wherever symlinks lead.
    fn resolve(&self, path: &StoragePath, flags: OFlags) -> io::Result<OwnedFd> {
        let name = name_of(path);
        if self.beneath {
            return Ok(open_beneath(&self.root, name, flags)?);
        }
        // The next best: two looks, between which a symlink could change.
        let real = self.path.join(name).canonicalize()?;
        if !real.starts_with(&self.path) {
            return Err(Errno::XDEV.into());
        }
        Ok(openat(rustix::fs::CWD, &real, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }
}

/// What the system calls a path from the root on.
fn name_of(path: &StoragePath) -> &str {
    if path.is_root() { "." } else { path.as_str() }
}

fn last(path: &StoragePath) -> io::Result<&str> {
    path.name().ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(target_os = "linux")]
fn open_beneath(root: &OwnedFd, name: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};

    const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
    const ATTEMPTS: usize = 128;
    for _ in 1..ATTEMPTS {
        match openat2(root, name, flags, Mode::empty(), BENEATH) {
            // A rename went on at the same time, and the kernel could not tell whether it was safe.
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
    openat2(root, name, flags, Mode::empty(), BENEATH)
}

#[cfg(target_os = "linux")]
fn rename_new(from: &OwnedFd, name: &str, to: &OwnedFd, new: &str) -> rustix::io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};

    renameat_with(from, name, to, new, RenameFlags::NOREPLACE)
}

#[cfg(not(target_os = "linux"))]
fn rename_new(_: &OwnedFd, _: &str, _: &OwnedFd, _: &str) -> rustix::io::Result<()> {
    Err(Errno::OPNOTSUPP)
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(_: &OwnedFd, _: &str, _: OFlags) -> rustix::io::Result<OwnedFd> {
    Err(Errno::NOSYS)
}

/// Makes the root, and makes durable that it was made.
fn make_root(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let new: Vec<&Path> = path.ancestors().take_while(|folder| !folder.is_dir()).collect();
    std::fs::create_dir_all(&path)?;
    for parent in new.iter().filter_map(|folder| folder.parent()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
