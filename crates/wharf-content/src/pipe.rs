//! Bytes that the kernel moves from one socket to another, past our memory.

use std::{io, os::fd::AsFd, task::Context, task::Poll};

use bytes::Bytes;

/// A pipe, into which one socket is emptied and out of which another one is filled (splice(2)).
#[derive(Debug)]
pub struct Pipe(imp::Ends);

/// Content that comes in over a socket.
pub trait Tap: Send {
    /// What comes next, at most `most` bytes of it, `None` at the end. `pipe` has to be empty.
    ///
    /// How long to wait for it is up to the caller. After an error there is no more.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<Option<io::Result<Tapped>>>;
}

/// What came out of a [`Tap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tapped {
    /// Bytes, in memory.
    Bytes(Bytes),
    /// So many bytes, which are in the pipe now.
    Piped(usize),
}

// === impl Pipe ===

impl Pipe {
    /// What it has room for, in bytes, unless the system allows less.
    pub const ROOM: usize = 1 << 20;

    /// An empty one. `Unsupported` where the system has no splice(2).
    pub fn new() -> io::Result<Self> {
        imp::Ends::new().map(Self)
    }

    /// Takes up to `most` bytes out of a socket; 0 at its end. `WouldBlock` if there are none, or if the
    /// pipe is full.
    pub fn fill(&self, socket: impl AsFd, most: usize) -> io::Result<usize> {
        self.0.fill(socket.as_fd(), most)
    }

    /// Puts up to `most` bytes into a socket. `WouldBlock` if that takes none, or if the pipe is empty.
    pub fn drain(&self, socket: impl AsFd, most: usize) -> io::Result<usize> {
        self.0.drain(socket.as_fd(), most)
    }
}

// === impl Tapped ===

impl Tapped {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Piped(len) => *len,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::{
        io,
        os::fd::{BorrowedFd, OwnedFd},
    };

    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

    #[derive(Debug)]
    pub(super) struct Ends {
        reader: OwnedFd,
        writer: OwnedFd,
    }

    impl Ends {
        pub(super) fn new() -> io::Result<Self> {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            // A user may have no more room for pipes: a smaller one takes more calls.
            let _ = fcntl_setpipe_size(&writer, super::Pipe::ROOM);
            Ok(Self { reader, writer })
        }

        pub(super) fn fill(&self, socket: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
            Ok(splice(socket, None, &self.writer, None, most, SpliceFlags::NONBLOCK)?)
        }

        pub(super) fn drain(&self, socket: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
            Ok(splice(&self.reader, None, socket, None, most, SpliceFlags::NONBLOCK)?)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::{io, os::fd::BorrowedFd};

    #[derive(Debug)]
    pub(super) enum Ends {}

    impl Ends {
        pub(super) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn fill(&self, _: BorrowedFd<'_>, _: usize) -> io::Result<usize> {
            match *self {}
        }

        pub(super) fn drain(&self, _: BorrowedFd<'_>, _: usize) -> io::Result<usize> {
            match *self {}
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        os::unix::net::UnixStream,
    };

    use super::*;

    #[test]
    fn bytes_go_from_one_socket_to_another_in_order() {
        let pipe = Pipe::new().unwrap();
        let ((mut client, from), (to, mut server)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        from.set_nonblocking(true).unwrap();
        let blocked = pipe.fill(&from, 9).unwrap_err();
        assert_eq!(blocked.kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"hello world").unwrap();
        assert_eq!(pipe.fill(&from, 9).unwrap(), 9);
        assert_eq!(pipe.drain(&to, 5).unwrap(), 5);
        assert_eq!(pipe.fill(&from, 9).unwrap(), 2);
        assert_eq!(pipe.drain(&to, 6).unwrap(), 6);
        let empty = pipe.drain(&to, 1).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        drop((client, to));
        assert_eq!(pipe.fill(&from, 9).unwrap(), 0);
        let mut received = String::new();
        server.read_to_string(&mut received).unwrap();
        assert_eq!(received, "hello world");
    }
}
