//! What the kernel tells of folders, where it does.

#[cfg(target_os = "linux")]
pub(super) use linux::Queue;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Queue;

/// Something that has happened to a folder, or in it.
pub(super) struct Event<'a> {
    pub(super) watch: i32,
    pub(super) what: What,
    /// The name of the folder below it that it is about.
    pub(super) folder: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It leads elsewhere, with all below it.
    Moved,
    Changed,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs::File,
        mem::MaybeUninit,
        os::fd::{AsRawFd, OwnedFd},
        sync::atomic::{AtomicU32, Ordering},
    };

    use rustix::{
        fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch},
        io::{Errno, ioctl_fionread},
    };

    use super::{Event, What};

    #[derive(Debug)]
    pub(in crate::watch) struct Queue {
        inotify: OwnedFd,
        /// How many times more nothing is asked, since the last answer was no.
        pause: AtomicU32,
    }

    /// There are too many watches, or no /proc: it may be long before that changes.
    const PAUSE: u32 = 10_000;

    /// What makes a path lead elsewhere.
    const WAY: WatchFlags = WatchFlags::ONLYDIR
        .union(WatchFlags::MASK_ADD)
        .union(WatchFlags::MOVE_SELF)
        .union(WatchFlags::DELETE_SELF)
        .union(WatchFlags::DELETE)
        .union(WatchFlags::MOVED_TO);
    /// What makes a folder hold something else.
    const INSIDE: WatchFlags =
        WAY.union(WatchFlags::CREATE).union(WatchFlags::MODIFY).union(WatchFlags::MOVED_FROM);

    /// After these a path leads elsewhere, or nothing more will be told.
    const MOVED: ReadFlags = ReadFlags::MOVE_SELF.union(ReadFlags::UNMOUNT);

    // === impl Queue ===

    impl Queue {
        /// None if there are too many already.
        pub(in crate::watch) fn new() -> Option<Self> {
            let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            Some(Self { inotify, pause: AtomicU32::new(0) })
        }

        /// Whether it is worth asking for a watch.
        pub(in crate::watch) fn is_willing(&self) -> bool {
            let next = |left: u32| left.checked_sub(1);
            self.pause.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_err()
        }

        pub(in crate::watch) fn is_empty(&self) -> bool {
            ioctl_fionread(&self.inotify).is_ok_and(|waiting| waiting == 0)
        }

        /// Takes all events there are; false if some were lost.
        pub(in crate::watch) fn take(&self, mut act: impl FnMut(Event<'_>)) -> bool {
            let mut buffer = [MaybeUninit::uninit(); 8 << 10];
            let mut reader = Reader::new(&self.inotify, &mut buffer);
            let mut is_whole = true;
            loop {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(Errno::INTR) => continue,
                    Err(error) => return is_whole && error == Errno::AGAIN,
                };
                let flags = event.events();
                is_whole &= !flags.contains(ReadFlags::QUEUE_OVERFLOW);
                let what = if flags.intersects(MOVED) { What::Moved } else { What::Changed };
                let name = event.file_name().and_then(|name| name.to_str().ok());
                let folder = name.filter(|_| flags.contains(ReadFlags::ISDIR));
                act(Event { watch: event.wd(), what, folder });
            }
        }

        /// The number of an open folder, from now on. A folder that is watched already has the same one,
        /// and is watched for what either call asked for.
        pub(in crate::watch) fn watch(&self, folder: &File, inside: bool) -> Option<i32> {
            let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
            let flags = if inside { INSIDE } else { WAY };
            let refused = |error: &Errno| {
                tracing::debug!(%error, "the kernel does not watch a folder");
                self.pause.store(PAUSE, Ordering::Relaxed);
            };
            add_watch(&self.inotify, path, flags).inspect_err(refused).ok()
        }

        pub(in crate::watch) fn unwatch(&self, watch: i32) {
            // The kernel has ended it by itself if the folder is gone.
            let _ = remove_watch(&self.inotify, watch);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::fs::File;

    use super::Event;

    #[derive(Debug)]
    pub(in crate::watch) enum Queue {}

    // === impl Queue ===

    impl Queue {
        pub(in crate::watch) fn new() -> Option<Self> {
            None
        }

        pub(in crate::watch) fn is_willing(&self) -> bool {
            match *self {}
        }

        pub(in crate::watch) fn is_empty(&self) -> bool {
            match *self {}
        }

        pub(in crate::watch) fn take(&self, _: impl FnMut(Event<'_>)) -> bool {
            match *self {}
        }

        pub(in crate::watch) fn watch(&self, _: &File, _: bool) -> Option<i32> {
            match *self {}
        }

        pub(in crate::watch) fn unwatch(&self, _: i32) {
            match *self {}
        }
    }
}
