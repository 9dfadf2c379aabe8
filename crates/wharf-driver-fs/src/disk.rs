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
    folder::{OpenFolder, Spot},
    identity::{Identity, Recognised, Seen},
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
    pub(crate) fn folder(&self, path: &StoragePath) -> io::Result<OpenFolder> {
        self.resolve(path, FOLDER).map(OpenFolder::new)
    }

    /// A folder that is made if it is not there, with all above it.
    pub(crate) fn make_folder(&self, path: &StoragePath) -> io::Result<OpenFolder> {
        let absent = match self.folder(path) {
            Err(error) if is_absent(&error) => error,
            found => return found,
        };
        let parent = self.make_folder(&path.parent().ok_or(absent)?)?;
        let new = parent.spot(path)?;
        let make = || Ok(mkdirat(&parent, new.name, Mode::from_raw_mode(0o777))?);
        let made = self.change(new, Some(EntryKind::Folder), || {
            self.step(make, || Step::MakeFolder(path.clone()))
        });
        match made {
            Ok(()) => self.open_made(new),
            Err(error) if is_taken(&error) => self.folder(path),
            Err(error) => Err(error),
        }
    }

    /// Opens a folder that was just made.
    fn open_made(&self, new: Spot<'_>) -> io::Result<OpenFolder> {
        let folder = match openat(new.folder, new.name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => OpenFolder::new(folder),
            // Somebody has put something else in its place.
            Err(_) => self.folder(new.path)?,
        };
        // What is known under its number was of another folder, which is gone.
        self.listings.forget(&folder)?;
        Ok(folder)
    }

    /// Which file or folder is at a path.
    pub(crate) fn identity_at(&self, path: &StoragePath) -> io::Result<Identity> {
        Identity::of(self.resolve(path, OFlags::PATH | OFlags::CLOEXEC)?)
    }

    /// Whatever is at a path, not to be read or written but to be described.
    pub(crate) fn describe(&self, path: &StoragePath) -> io::Result<std::fs::Metadata> {
        File::from(self.resolve(path, OFlags::PATH | OFlags::CLOEXEC)?).metadata()
    }

    /// Whatever has a name, a symlink itself and not what it leads to.
    pub(crate) fn describe_name(&self, path: &StoragePath) -> io::Result<std::fs::Metadata> {
        let folder = self.folder_of(path)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(openat(&folder, folder.spot(path)?.name, flags, Mode::empty())?).metadata()
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
        self.create_at(self.folder_of(path)?.spot(path)?)
    }

    /// The same in an open folder.
    pub(crate) fn create_at(&self, new: Spot<'_>) -> io::Result<Writable> {
        self.create_as(new, 0o666)
    }

    /// The same, of which the root's owner alone knows the content.
    pub(crate) fn create_private_at(&self, new: Spot<'_>) -> io::Result<Writable> {
        let new = self.create_as(new, private::MODE)?;
        let owner = File::from(self.root.try_clone()?).metadata()?.uid();
        if new.file.metadata()?.uid() != owner {
            // What the superuser makes is for the server. Whoever else makes it reads it alone.
            let _ = fchown(&new.file, Some(owner), None);
        }
        Ok(new)
    }

    fn create_as(&self, new: Spot<'_>, mode: u32) -> io::Result<Writable> {
        let (id, mode) = (self.next_id(), Mode::from_raw_mode(mode));
        let file = self.change(new, Some(EntryKind::File), || {
            self.step(
                || Ok(File::from(openat(new.folder, new.name, CREATE, mode)?)),
                || Step::Create(new.path.clone(), id),
            )
        })?;
        Ok(self.writable(file, id))
    }

    /// Moves the name of a file, and replaces what is there.
    pub(crate) fn rename(&self, from: &StoragePath, to: &StoragePath) -> io::Result<()> {
        let (source, target) = (self.folder_of(from)?, self.folder_of(to)?);
        self.rename_at(source.spot(from)?, target.spot(to)?)
    }

    /// The same in open folders.
    pub(crate) fn rename_at(&self, from: Spot<'_>, to: Spot<'_>) -> io::Result<()> {
        self.move_at(from, to, || Ok(renameat(from.folder, from.name, to.folder, to.name)?))
    }

    /// As [`Disk::rename_at`], but fails if the name is taken.
    pub(crate) fn rename_new_at(&self, from: Spot<'_>, to: Spot<'_>) -> io::Result<()> {
        self.move_at(from, to, || Ok(rename_new(from, to)?))
    }

    /// Moves whatever has a name to a hidden place.
    pub(crate) fn hide(&self, from: &StoragePath, to: Spot<'_>) -> io::Result<()> {
        let source = self.folder_of(from)?;
        let from = source.spot(from)?;
        self.change(from, None, || {
            self.step(
                || Ok(renameat(from.folder, from.name, to.folder, to.name)?),
                || Step::Rename(from.path.clone(), to.path.clone()),
            )
        })
    }

    fn move_at(
        &self,
        from: Spot<'_>,
        to: Spot<'_>,
        act: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let done = self.change(to, Some(EntryKind::File), || {
            self.step(act, || Step::Rename(from.path.clone(), to.path.clone()))
        });
        if !HIDDEN.hides(from.path) {
            self.listings.forget(from.folder)?;
        }
        done
    }

    /// Gives a file a further name; fails if that is taken.
    pub(crate) fn link(&self, from: &StoragePath, to: Spot<'_>) -> io::Result<()> {
        let source = self.folder_of(from)?;
        self.link_at(source.spot(from)?, to)
    }

    /// The same in open folders.
    pub(crate) fn link_at(&self, from: Spot<'_>, to: Spot<'_>) -> io::Result<()> {
        if !self.links {
            return Err(Errno::OPNOTSUPP.into());
        }
        self.change(to, Some(EntryKind::File), || {
            self.step(
                || Ok(linkat(from.folder, from.name, to.folder, to.name, AtFlags::empty())?),
                || Step::Link(from.path.clone(), to.path.clone()),
            )
        })
    }

    /// Removes the name of a file.
    pub(crate) fn unlink(&self, path: &StoragePath) -> io::Result<()> {
        self.unlink_at(self.folder_of(path)?.spot(path)?)
    }

    /// The same in an open folder.
    pub(crate) fn unlink_at(&self, old: Spot<'_>) -> io::Result<()> {
        self.change(old, None, || {
            self.step(
                || Ok(unlinkat(old.folder, old.name, AtFlags::empty())?),
                || Step::Unlink(old.path.clone()),
            )
        })
    }

    /// Removes a folder with everything below it, and follows no symlink on the way.
    pub(crate) fn remove_tree(&self, path: &StoragePath) -> io::Result<()> {
        self.remove_tree_at(self.folder_of(path)?.spot(path)?)
    }

    /// The same in an open folder.
    pub(crate) fn remove_tree_at(&self, old: Spot<'_>) -> io::Result<()> {
        self.step(
            || remove_tree(old.folder.as_fd(), &CString::new(old.name)?),
            || Step::RemoveTree(old.path.clone()),
        )
    }

    /// Makes the entries of an open folder durable; `path` is where it is.
    pub(crate) fn sync_folder(&self, path: &StoragePath, folder: &OpenFolder) -> io::Result<()> {
        self.step(|| Ok(fsync(folder)?), || Step::SyncFolder(path.clone()))
    }

    /// Makes folders durable that have been opened: by `act`, or together with what others wait for.
    pub(crate) fn sync_folders(
        &self,
        which: &[Identity],
        act: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        self.syncs.sync(which, act)
    }

    /// Makes the content of files durable, and all that is needed to read it.
    pub(crate) fn sync_files<'a>(
        &self,
        files: impl IntoIterator<Item = &'a Writable>,
    ) -> io::Result<()> {
        let files: Vec<_> = files.into_iter().collect();
        if files.is_empty() {
            return Ok(());
        }
        let which = files.iter().map(|file| file.identity()).collect::<io::Result<Vec<_>>>()?;
        self.syncs.sync(&which, || files.iter().try_for_each(|file| file.sync_alone()))
    }

    /// Makes the content of a file that is there durable, whoever wrote it.
    pub(crate) fn sync_path(&self, path: &StoragePath) -> io::Result<()> {
        let file = self.read(path)?;
        self.syncs.sync(&[Identity::of(&file)?], || {
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
        for found in Dir::new(OwnedFd::from(self.folder(folder)?))? {
            let name = found?.file_name().to_string_lossy().into_owned();
            if !matches!(name.as_str(), "." | "..") {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// A new hidden file that no power cut concerns.
    pub(crate) fn create_untraced(&self, new: Spot<'_>) -> io::Result<File> {
        let mode = Mode::from_raw_mode(0o666);
        Ok(File::from(openat(new.folder, new.name, CREATE, mode)?))
    }

    /// Moves such a file.
    pub(crate) fn rename_untraced(&self, from: Spot<'_>, to: Spot<'_>) -> io::Result<()> {
        Ok(renameat(from.folder, from.name, to.folder, to.name)?)
    }

    /// Removes such a file.
    pub(crate) fn unlink_untraced(&self, path: &StoragePath) -> io::Result<()> {
        let folder = self.folder_of(path)?;
        Ok(unlinkat(&folder, folder.spot(path)?.name, AtFlags::empty())?)
    }

    /// Makes a change that lists will know of.
    fn change<T>(
        &self,
        spot: Spot<'_>,
        now: Option<EntryKind>,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        if HIDDEN.hides(spot.path) {
            return act();
        }
        match self.writers.announce(self) {
            // On a disk that is full, what makes room has to go on.
            Err(error) if now.is_none() => tracing::warn!(%error, "others do not know of us"),
            announced => announced?,
        }
        self.listings.change(self, spot.folder, (spot.name, now), act)
    }

    /// The folder of a name.
    fn folder_of(&self, path: &StoragePath) -> io::Result<OpenFolder> {
        self.folder(&path.parent().ok_or(io::ErrorKind::InvalidInput)?)
    }

    fn writable(&self, file: File, id: FileId) -> Writable {
        let (trace, syncs) = (self.trace.clone(), Arc::clone(&self.syncs));
        Writable { file, id, trace, syncs, identity: Recognised::default() }
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
fn rename_new(from: Spot<'_>, to: Spot<'_>) -> rustix::io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};

    renameat_with(from.folder, from.name, to.folder, to.name, RenameFlags::NOREPLACE)
}

#[cfg(not(target_os = "linux"))]
fn rename_new(_: Spot<'_>, _: Spot<'_>) -> rustix::io::Result<()> {
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
