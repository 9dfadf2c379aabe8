//! The body of a request, from a client that may stall, leave or never stop.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, combinators::UnsyncBoxBody};
use tokio::time::{Instant, timeout};
use wharf_core::ErrorKind;

use crate::pace::Pace;

/// The error of any body.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request.
pub(crate) struct Incoming {
    body: UnsyncBoxBody<Bytes, BoxError>,
    stall: Duration,
    pace: Pace,
    ended: bool,
    /// The client waits for `100 Continue`, which reading sends.
    held_back: bool,
    /// Where its bytes are counted.
    counted: Option<Arc<AtomicU64>>,
}

/// Why a body could not be read to its end.
#[derive(Debug)]
pub(crate) enum BodyFault {
    /// The connection broke, or what came over it is no body.
    Gone(BoxError),
    /// Nothing came for so long.
    Stalled(Duration),
    /// Less came than has to.
    Slow,
}

/// Why a body could not be collected.
#[derive(Debug)]
pub(crate) enum CollectFault {
    /// It is longer than the limit.
    TooLarge,
    /// It could not be read.
    Body(BodyFault),
}

/// How much of a body is read that nobody wants, so that the client hears the answer instead of a
/// reset.
const DRAINED: usize = 1 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(2);

// === impl Incoming ===

impl Incoming {
    pub(crate) fn new<B>(body: B, stall: Duration, rate: u64) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let ended = body.is_end_stream();
        // The box of an empty body takes no memory.
        let body = match ended {
            true => Empty::new().map_err(|never| match never {}).boxed_unsync(),
            false => body.map_err(Into::into).boxed_unsync(),
        };
        let pace = Pace::new(rate, stall);
        Self { body, stall, pace, ended, held_back: false, counted: None }
    }

    /// The client sends nothing before it is told to: what nobody wants is then not asked for.
    pub(crate) fn hold_back(&mut self, expects_continue: bool) {
        self.held_back = expects_continue;
    }

    /// Counts the bytes that are read.
    pub(crate) fn count_in(&mut self, counter: Arc<AtomicU64>) {
        self.counted = Some(counter);
    }

    /// Whether it was read to its end.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The length that the client announced, `None` if it did not.
    pub(crate) fn announced(&self) -> Option<u64> {
        if self.ended { Some(0) } else { self.body.size_hint().exact() }
    }

    /// The next bytes, at least one; `None` at the end of a complete body.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
        self.held_back = false;
        while !self.ended {
            let begun = Instant::now();
            let frame = timeout(self.stall, self.body.frame()).await;
            let waited = begun.elapsed();
            match frame.map_err(|_| BodyFault::Stalled(self.stall))? {
                None => self.ended = true,
                Some(frame) => match frame.map_err(BodyFault::Gone)?.into_data() {
                    Ok(data) if !data.is_empty() => {
                        if !self.pace.keeps(data.len(), waited) {
                            return Err(BodyFault::Slow);
                        }
                        self.ended = self.body.is_end_stream();
                        if let Some(counter) = &self.counted {
                            counter.fetch_add(data.len() as u64, Relaxed);
                        }
                        return Ok(Some(data));
                    }
                    // An empty piece, or trailers.
                    _ if self.pace.keeps(0, waited) => {}
                    _ => return Err(BodyFault::Slow),
                },
            }
        }
        Ok(None)
    }

    /// All of it, if that is at most `limit` bytes. Memory follows what arrives, not what is
    /// announced.
    pub(crate) async fn collect(&mut self, limit: u64) -> Result<Bytes, CollectFault> {
        if self.announced().is_some_and(|announced| announced > limit) {
            return Err(CollectFault::TooLarge);
        }
        let mut gathered = BytesMut::new();
        while let Some(piece) = self.next().await.map_err(CollectFault::Body)? {
            if gathered.len() as u64 + piece.len() as u64 > limit {
                return Err(CollectFault::TooLarge);
            }
            gathered.extend_from_slice(&piece);
        }
        Ok(gathered.freeze())
    }

    /// Reads a short rest that nobody wants. A long one is left; the connection ends then.
    pub(crate) async fn drain(&mut self) {
        if self.held_back || self.announced().is_some_and(|rest| rest > DRAINED as u64) {
            return;
        }
        let drained = timeout(DRAIN_TIME, async {
            let mut drained = 0;
            while let Ok(Some(piece)) = self.next().await {
                drained += piece.len();
                if drained > DRAINED {
                    break;
                }
            }
        });
        let _ = drained.await;
    }
}

// === impl BodyFault ===

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(error) => write!(f, "broke off: {error}"),
            Self::Stalled(stall) => write!(f, "nothing came for {} s", stall.as_secs_f32()),
            Self::Slow => f.write_str("comes too slowly"),
        }
    }
}

impl From<BodyFault> for wharf_core::Error {
    fn from(fault: BodyFault) -> Self {
        ErrorKind::Body(fault.to_string()).into()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    const STALL: Duration = Duration::from_millis(50);

    fn chunked(pieces: Vec<Result<&'static str, BoxError>>) -> Incoming {
        let frame =
            |piece: Result<&'static str, BoxError>| piece.map(|p| Frame::data(Bytes::from(p)));
        Incoming::new(StreamBody::new(stream::iter(pieces.into_iter().map(frame))), STALL, 0)
    }

    #[tokio::test]
    async fn limits_hold_with_and_without_a_length() {
        let announced = |text: &'static str| Incoming::new(Full::new(Bytes::from(text)), STALL, 0);
        assert_eq!(announced("abc").announced(), Some(3));
        assert_eq!(announced("abc").collect(3).await.unwrap(), "abc");
        assert!(matches!(announced("abcd").collect(3).await, Err(CollectFault::TooLarge)));

        let mut body = chunked(vec![Ok("ab"), Ok(""), Ok("c")]);
        assert_eq!(body.announced(), None);
        assert_eq!(body.collect(3).await.unwrap(), "abc");
        let mut body = chunked(vec![Ok("ab"), Ok("cd")]);
        assert!(matches!(body.collect(3).await, Err(CollectFault::TooLarge)));
    }

    #[tokio::test]
    async fn broken_and_stalled_bodies_are_faults() {
        let mut body = chunked(vec![Ok("ab"), Err("cut".into())]);
        assert_eq!(body.next().await.unwrap().unwrap(), "ab");
        assert!(matches!(body.next().await, Err(BodyFault::Gone(_))));

        let never = stream::pending::<Result<Frame<Bytes>, BoxError>>();
        let mut body = Incoming::new(StreamBody::new(never), STALL, 0);
        assert!(matches!(body.next().await, Err(BodyFault::Stalled(_))));
    }
    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_a_fault_and_one_that_is_slow_is_none() {
        for (rate, kept) in [(100, true), (1000, false)] {
            let drops = stream::unfold((), |()| async {
                tokio::time::sleep(STALL / 2).await;
                Some((Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"0123456789"))), ()))
            });
            let mut body = Incoming::new(StreamBody::new(drops), STALL, rate);
            let mut came = 0;
            let fault = loop {
                match body.next().await {
                    Ok(Some(piece)) if came < 1000 => came += piece.len(),
                    Ok(_) => break None,
                    Err(fault) => break Some(fault),
                }
            };
            assert_eq!(fault.is_none(), kept, "{rate}: {came}");
        }
    }
}
