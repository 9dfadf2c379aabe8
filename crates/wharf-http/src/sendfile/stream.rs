//! The connection.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::{io::Interest, net::TcpStream, task::JoinHandle};
use wharf_content::FileRegion;

use super::{Region, Regions, pages, queue::is_placeholder};
use crate::protocol::Ahead;

/// A TCP connection that sends the regions of its queue where it meets the placeholder.
pub(crate) struct Stream {
    tcp: Ahead<TcpStream>,
    regions: Regions,
    cold: Cold,
    /// The bytes that went out since others had their turn.
    burst: usize,
}

/// Where the bytes are that are sent next.
enum Cold {
    /// In memory, as far as we know, or not: it is to be found out.
    Unknown,
    /// A thread reads them, so that this one need not wait for the disk.
    Reading(JoinHandle<io::Result<()>>),
    /// They were read a moment ago.
    Read,
}

/// After so many bytes in one go the other connections have a turn.
const BURST: usize = 8 << 20;

// === impl Stream ===

impl Stream {
    pub(crate) fn new(tcp: Ahead<TcpStream>) -> Self {
        Self { tcp, regions: Regions::default(), cold: Cold::Unknown, burst: 0 }
    }

    /// The queue of what it sends.
    pub(crate) fn regions(&self) -> Regions {
        self.regions.clone()
    }

    /// Sends the beginning of what goes on with a region, in one packet with that.
    fn poll_head(&mut self, cx: &mut Context<'_>, head: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, |tcp| pages::send_head(tcp, head))
    }

    /// Sends up to `most` bytes of the region at the front.
    fn poll_region(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        if self.burst >= BURST {
            self.burst = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut region = self.regions.front()?;
        let region = region.split_front(most as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let sent = match &region {
            Region::File(region) => ready!(self.poll_file(cx, region))?,
            Region::Pipe(region) => ready!(self.poll_io(cx, |tcp| region.send(tcp)))?,
        };
        if sent == 0 {
            let message = "a file became shorter while it was sent";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
        }
        self.regions.sent(sent);
        self.burst += sent;
        Poll::Ready(Ok(sent))
    }

    fn poll_file(&mut self, cx: &mut Context<'_>, region: &FileRegion) -> Poll<io::Result<usize>> {
        ready!(self.poll_warm(cx, region))?;
        let sent = ready!(self.poll_io(cx, |tcp| pages::send(tcp, region)));
        self.cold = Cold::Unknown;
        Poll::Ready(sent)
    }

    /// Ready when the region can be sent without waiting for the disk.
    fn poll_warm(&mut self, cx: &mut Context<'_>, region: &FileRegion) -> Poll<io::Result<()>> {
        if let Cold::Unknown = self.cold
            && !pages::are_cached(region)
        {
            let region = region.clone();
            let reading = tokio::task::spawn_blocking(move || pages::read(&region));
            self.cold = Cold::Reading(reading);
        }
        if let Cold::Reading(reading) = &mut self.cold {
            let read = ready!(Pin::new(reading).poll(cx));
            self.cold = Cold::Read;
            read??;
        }
        Poll::Ready(Ok(()))
    }

    /// Does something with the socket as soon as it takes bytes.
    fn poll_io(
        &mut self,
        cx: &mut Context<'_>,
        mut io: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let tcp = self.tcp.inner();
        loop {
            if tcp.poll_write_ready(cx)?.is_pending() {
                self.burst = 0;
                return Poll::Pending;
            }
            match tcp.try_io(Interest::WRITABLE, || io(tcp)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let empty = slices.iter().take_while(|slice| slice.is_empty()).count();
        let slices = &slices[empty..];
        let ours = |slice: &&IoSlice<'_>| is_placeholder(slice);
        let regions: usize = slices.iter().take_while(ours).map(|slice| slice.len()).sum();
        this.regions.check()?;
        if regions > 0 {
            return this.poll_region(cx, regions);
        }
        match slices.iter().any(|slice| is_placeholder(slice)) {
            true => this.poll_head(cx, &slices[0]),
            false => Pin::new(&mut this.tcp).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
