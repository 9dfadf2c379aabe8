//! SIGTERM and SIGINT: the first asks for the end, the second gets it.

use std::{future::Future, io};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// Listens from now on. The future is done with the first signal; with the second the process is.
/// Must be called in a runtime.
pub(crate) fn shutdown() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    let (first, heard) = oneshot::channel();
    tokio::spawn(async move {
        let name = signals.next().await.0;
        tracing::info!("{name}: finishing what was begun; a second signal ends at once");
        // Nobody waits any more if the server ended by itself.
        let _ = first.send(());
        let (name, number) = signals.next().await;
        tracing::warn!("{name}: ending at once");
        std::process::exit(128 + number);
    });
    Ok(async move {
        // The other end is only dropped with the runtime.
        let _ = heard.await;
    })
}

/// The exit code that the first signal asks for. Listens from now on, and must be called in a runtime.
pub(crate) fn first() -> io::Result<impl Future<Output = u8>> {
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    Ok(async move {
        let (name, number) = signals.next().await;
        tracing::info!("{name}: ending");
        u8::try_from(128 + number).unwrap_or(u8::MAX)
    })
}

/// SIGHUP, from now on. Must be called in a runtime.
pub(crate) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

// === impl Signals ===

impl Signals {
    /// The name and number of the next signal.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
        }
    }
}
