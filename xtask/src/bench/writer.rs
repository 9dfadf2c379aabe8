//! Another process that writes to the store of the server that is measured.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::connection::Connection;
use super::content::Content;
use super::data::TAGS;
use super::job::Pusher;
use super::load::Tally;
use super::peers::{self, Instance};
use super::wire::Target;
use super::works::Entry;
use crate::Outcome;

/// How long a list may show what was before; with any server it should be no time at all.
const STALE: Duration = Duration::from_secs(5);

/// How large the blob of a written image is.
const SIZE: usize = 1024;

/// A server that writes.
pub(crate) struct Writer<'a> {
    runtime: &'a Runtime,
    connection: Connection,
    content: Content,
    _server: Instance,
}

// === impl Writer ===

impl<'a> Writer<'a> {
    pub(crate) fn new(runtime: &'a Runtime, server: Instance) -> Self {
        let connection = Connection::new(server.target.clone(), 0);
        Self { runtime, connection, content: Content::new(SIZE), _server: server }
    }

    /// Writes again and again, and takes the time until a list of `target` shows it.
    pub(crate) fn time(
        &mut self,
        target: &Target,
        entry: Entry,
        path: &str,
        times: usize,
    ) -> Outcome<Tally> {
        let mut tally = Tally::default();
        // What is listed for the first time after the start is another work.
        for _ in 0..2 {
            peers::ok(path, &peers::ask(target, path)?)?;
        }
        for _ in 0..times {
            let name = self.write(entry)?;
            tally.record(until_shown(target, path, &name)?);
        }
        Ok(tally)
    }

    /// Writes an entry that comes before all that were written earlier, and returns its name.
    fn write(&mut self, entry: Entry) -> Outcome<String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("a{:06}", 999_999 - NEXT.fetch_add(1, Ordering::Relaxed));
        let (repository, tag) = match entry {
            Entry::Tag => (TAGS.to_owned(), name.as_str()),
            Entry::Repository => (name.clone(), "latest"),
        };
        let mut to = Pusher { connection: &mut self.connection, repository: &repository };
        self.runtime.block_on(to.image_as(tag, &self.content))?;
        Ok(name)
    }
}

fn until_shown(target: &Target, path: &str, name: &str) -> Outcome<Duration> {
    let start = Instant::now();
    let wanted = format!("\"{name}\"");
    while start.elapsed() < STALE {
        let answer = peers::ask(target, path)?;
        let took = start.elapsed();
        peers::ok(path, &answer)?;
        if answer.windows(wanted.len()).any(|part| part == wanted.as_bytes()) {
            return Ok(took);
        }
    }
    Err(format!("GET {path}: does not show what was written {} s ago", STALE.as_secs()).into())
}
