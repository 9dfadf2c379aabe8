//! Keeps a client from sending HTTP/2 frames that cost us much and it nothing.
//!
//! A ping has to be answered, a setting applied, a stream that is reset was opened before, and none of
//! them moves a byte of content. A connection has so many of them to spend, and earns more over time
//! and by what it is sent, which it has to acknowledge. Frames that carry something cost nothing, and
//! `h2` itself limits open streams, headers, and streams that are reset before we have met them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of HTTP/2 from a client.
pub(crate) struct Framed<T> {
    stream: T,
    frames: Frames,
}

/// Counts the frames of a connection as their bytes pass.
pub(crate) struct Frames {
    /// The bytes of the preface that are still to come.
    preface: usize,
    head: [u8; HEAD],
    /// How much of the head is there.
    have: usize,
    /// How much of the frame's content is still to come.
    rest: usize,
    credit: u64,
    sent: u64,
    refilled: Instant,
}

/// Too many frames.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flood;

/// The length of a frame's head (RFC 9113, 4.1).
const HEAD: usize = 9;

/// What a connection has to spend at most, and earns in a second.
const MOST: u64 = 10_000;
const PER_SECOND: u64 = 1000;

/// For so many bytes of ours a client may send one frame more, to make room for others.
const BYTES_PER_FRAME: u64 = 1024;

// === impl Frames ===

impl Frames {
    /// Before the first byte of a connection, which begins with a preface of so many.
    pub(crate) fn new(preface: usize) -> Self {
        Self {
            preface,
            head: [0; HEAD],
            have: 0,
            rest: 0,
            credit: MOST,
            sent: 0,
            refilled: Instant::now(),
        }
    }

    /// Takes note of the next bytes.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        skip(&mut bytes, &mut self.preface);
        while !bytes.is_empty() {
            skip(&mut bytes, &mut self.rest);
            let part = bytes.len().min(HEAD - self.have);
            self.head[self.have..self.have + part].copy_from_slice(&bytes[..part]);
            (self.have, bytes) = (self.have + part, &bytes[part..]);
            if self.have == HEAD {
                self.have = 0;
                self.rest = self.length();
                self.spend(self.cost())?;
            }
        }
        Ok(())
    }

    /// So many bytes went to the client.
    fn earn(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.credit = (self.credit + self.sent / BYTES_PER_FRAME).min(MOST);
        self.sent %= BYTES_PER_FRAME;
    }

    fn length(&self) -> usize {
        usize::from(self.head[0]) << 16 | usize::from(self.head[1]) << 8 | usize::from(self.head[2])
    }

    /// What a frame costs, by its type (RFC 9113, 6).
    fn cost(&self) -> u64 {
        const END_STREAM: u8 = 1;
        match (self.head[3], self.length(), self.head[4]) {
            // The end of a body is no empty piece of one.
            (0, 1.., _) | (0, 0, END_STREAM) | (1, _, _) => 0,
            // What has to be undone, or to be looked for in every stream.
            (3 | 4, _, _) => 10,
            _ => 1,
        }
    }

    fn spend(&mut self, cost: u64) -> Result<(), Flood> {
        if self.credit < cost {
            self.refill(Instant::now());
        }
        self.credit = self.credit.checked_sub(cost).ok_or(Flood)?;
        Ok(())
    }

    /// What the time since the last look has earned.
    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled).min(Duration::from_secs(60));
        let earned = u64::try_from(passed.as_millis()).unwrap_or(0) * PER_SECOND / 1000;
        if earned > 0 {
            self.credit = (self.credit + earned).min(MOST);
            self.refilled = now;
        }
    }
}

fn skip(bytes: &mut &[u8], count: &mut usize) {
    let part = bytes.len().min(*count);
    (*bytes, *count) = (&bytes[part..], *count - part);
}

// === impl Framed ===

impl<T> Framed<T> {
    /// A stream of which some bytes have passed already.
    pub(crate) fn new(stream: T, frames: Frames) -> Self {
        Self { stream, frames }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Framed<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let passed = this.frames.pass(&buffer.filled()[before..]);
        Poll::Ready(passed.map_err(|Flood| io::Error::other("too many frames that carry nothing")))
    }
}

impl<T: AsyncWrite + Unpin> Framed<T> {
    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.frames.earn(*bytes);
        }
        written
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Framed<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [_, _, _, _, _, a, b, c] = (length as u64).to_be_bytes();
        let mut frame = vec![a, b, c, kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD + length, 0x55);
        frame
    }

    /// How many of these frames pass at once, of at most 100,000.
    fn passes(frame: &[u8]) -> usize {
        let mut frames = Frames::new(0);
        (0..100_000).take_while(|_| frames.pass(frame).is_ok()).count()
    }

    #[test]
    fn what_carries_nothing_has_a_limit() {
        for (kind, length, most) in
            [(PING, 8, 12_000), (SETTINGS, 6, 1200), (RST_STREAM, 4, 1200), (DATA, 0, 12_000)]
        {
            let passed = passes(&frame(kind, 0, length));
            // A slow machine earns a few in the meantime.
            assert!((most / 2..100_000).contains(&passed), "{kind}: {passed}");
        }
    }

    #[test]
    fn what_carries_something_has_none() {
        assert_eq!(passes(&frame(DATA, 0, 10)), 100_000);
        assert_eq!(passes(&frame(HEADERS, 4, 20)), 100_000);
        assert_eq!(passes(&frame(DATA, 1, 0)), 100_000);
    }

    #[test]
    fn who_is_sent_much_may_make_room_often() {
        let mut frames = Frames::new(0);
        let update = frame(WINDOW_UPDATE, 0, 4);
        for _ in 0..100_000 {
            frames.earn(4096);
            assert_eq!(frames.pass(&update), Ok(()));
            assert_eq!(frames.pass(&update), Ok(()));
        }
    }

    #[test]
    fn time_earns_more() {
        let mut frames = Frames::new(0);
        frames.credit = 0;
        let later = frames.refilled + Duration::from_secs(2);
        frames.refill(later);
        assert_eq!(frames.credit, 2 * PER_SECOND);
        frames.refill(later + Duration::from_secs(3600));
        assert_eq!(frames.credit, MOST);
    }

    #[test]
    fn frames_are_counted_wherever_they_are_cut() {
        let stream: Vec<u8> = [frame(PING, 0, 8), frame(DATA, 0, 300), frame(SETTINGS, 0, 12)]
            .into_iter()
            .flatten()
            .collect();
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let whole = [&preface[..], &stream].concat();
        for step in [1, 2, 5, 9, 10, 24, 33, 1000] {
            let mut frames = Frames::new(preface.len());
            whole.chunks(step).for_each(|chunk| assert_eq!(frames.pass(chunk), Ok(())));
            assert_eq!((frames.credit, frames.have, frames.rest), (MOST - 11, 0, 0), "{step}");
        }
    }
}
