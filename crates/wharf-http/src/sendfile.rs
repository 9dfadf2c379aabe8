//! Plain TCP over which regions of files, and what came in over another socket, are sent by the kernel:
//! sendfile(2) and splice(2), no byte of them in our memory.
//!
//! hyper writes what the pieces of a body show it. A [`FileBody`] shows, for a region of a file, a
//! slice of a placeholder, and puts the region itself on a queue that it shares with its
//! connection, a [`Stream`]. The stream knows the placeholder by its address, and sends the region
//! instead.
//!
//! Three things keep the placeholder off the wire. The body that makes such pieces is a type of its
//! own, which only the HTTP/1.1 connection over a `Stream` takes: HTTP/2 and TLS get bodies of bytes.
//! A piece that is used up (copied, skipped) without having been sent breaks its queue, and a stream
//! with a broken queue writes nothing any more, so that a copy of the placeholder could not leave.
//! And a region ends where its file ends: a file that was cut ends the connection.

mod body;
pub(crate) mod pages;
mod queue;
mod region;
mod stream;

pub(crate) use body::FileBody;
pub(crate) use queue::Regions;
pub(crate) use region::{PipeRegion, Region};
pub(crate) use stream::Stream;
