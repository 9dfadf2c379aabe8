//! A log of records on disk: appended at one end, removed at the other.
//!
//! Records are numbered without end. They stand in *segments*, files that are called after their first
//! record and hold consecutive ones. A crash can only spoil what was written last: on opening, a
//! segment counts up to its last whole record, and the last one is cut there before anything is
//! appended. Whatever goes wrong while a segment is written ends that segment, so that nothing good
//! ever stands behind something bad.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

mod reader;
mod record;

pub(crate) use reader::{Found, Reader};
pub(crate) use record::LONGEST;

/// The log, for its one writer.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    /// The bytes after which another segment is begun.
    segment: u64,
    index: Arc<Index>,
    /// What is appended to; `None` to begin another one.
    tail: Option<Tail>,
    /// What is about to be written; kept for its memory.
    buffer: Vec<u8>,
}

/// What there is to read.
#[derive(Debug, Default)]
pub(crate) struct Index(Mutex<Contents>);

/// A file of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The number of its first record.
    pub(crate) first: u64,
    /// One past the number of its last one.
    pub(crate) end: u64,
    /// How long it is.
    pub(crate) bytes: u64,
}

#[derive(Debug, Default)]
struct Contents {
    segments: VecDeque<Segment>,
    /// The number that the next record gets.
    next: u64,
}

#[derive(Debug)]
struct Tail {
    file: File,
    /// Whether the name of the file may be lost in a power cut.
    is_new: bool,
}

/// What a buffer may keep.
const KEPT: usize = 256 << 10;

/// A last segment that is shorter than this stays, although all of it was read.
const WORTH_REMOVING: u64 = 64 << 10;

// === impl Log ===

impl Log {
    /// Opens the log in a folder, which has no other writer. The next record gets the number `least`
    /// or a higher one.
    pub(crate) fn open(folder: &Path, segment: u64, least: u64) -> io::Result<Self> {
        let mut contents = Contents::default();
        let firsts = firsts(folder)?;
        let ends = firsts.iter().skip(1).copied().chain([u64::MAX]);
        for (&first, most) in firsts.iter().zip(ends) {
            let path = folder.join(file_name(first));
            match scan(first, most, &fs::read(&path)?) {
                Some(found) => contents.segments.push_back(found),
                None => fs::remove_file(&path)?,
            }
        }
        let end = contents.segments.back().map_or(0, |last| last.end);
        contents.next = end.max(least);
        let last = contents.segments.back().filter(|last| last.end == contents.next);
        let tail = match last {
            Some(last) => {
                let file =
                    OpenOptions::new().append(true).open(folder.join(file_name(last.first)))?;
                file.set_len(last.bytes)?;
                Some(Tail { file, is_new: false })
            }
            None => None,
        };
        let index = Arc::new(Index(Mutex::new(contents)));
        Ok(Self { folder: folder.to_owned(), segment, index, tail, buffer: Vec::new() })
    }

    /// What there is to read, for those who read it.
    pub(crate) fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// A reader. There may be any number of them.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(&self.folder, Arc::clone(&self.index))
    }

    /// Appends records, all of them or none, and shows them to readers. They survive the process, but
    /// a power cut only after [`sync`](Self::sync).
    pub(crate) fn append<P: AsRef<[u8]>>(&mut self, payloads: &[P]) -> io::Result<()> {
        if payloads.is_empty() {
            return Ok(());
        }
        let first = self.index.next();
        self.buffer.clear();
        for (number, payload) in (first..).zip(payloads) {
            record::write(number, payload.as_ref(), &mut self.buffer);
        }
        let written = self.write(first);
        let bytes = self.buffer.len() as u64;
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        written?;
        self.index.grow(payloads.len() as u64, bytes);
        Ok(())
    }

    /// Makes everything that was appended durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let Some(tail) = &mut self.tail else { return Ok(()) };
        let synced = tail.file.sync_data().and_then(|()| match tail.is_new {
            true => File::open(&self.folder)?.sync_all(),
            false => Ok(()),
        });
        match &synced {
            Ok(()) => tail.is_new = false,
            // What the system has kept of it is not known, and another try would not tell.
            Err(_) => self.tail = None,
        }
        synced
    }

    /// Removes the segments that hold nothing from this number on.
    pub(crate) fn remove_before(&mut self, number: u64) -> io::Result<()> {
        while self.index.is_removable(number) {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Removes the oldest segment, whoever may still need it.
    pub(crate) fn remove_oldest(&mut self) -> io::Result<Option<Segment>> {
        let Some((segment, is_last)) = self.index.remove_oldest() else { return Ok(None) };
        if is_last {
            self.tail = None;
        }
        remove(&self.folder.join(file_name(segment.first)))?;
        Ok(Some(segment))
    }

    fn write(&mut self, first: u64) -> io::Result<()> {
        let length = self.index.tail_length();
        if self.tail.is_none() || length >= self.segment {
            self.tail = None;
            self.tail = Some(self.begin(first)?);
            self.index.begin(first);
        }
        let tail = self.tail.as_mut().expect("it was just made sure");
        let written = tail.file.write_all(&self.buffer);
        if written.is_err() {
            // Readers are shown nothing of it; what opens the log later must not find it either.
            let length = self.index.tail_length();
            let cut = tail.file.set_len(length);
            tracing::debug!(?cut, "a segment of the event log was cut");
            self.tail = None;
        }
        written
    }

    /// Begins a segment. A file of this name holds nothing that counts.
    fn begin(&self, first: u64) -> io::Result<Tail> {
        let path = self.folder.join(file_name(first));
        remove(&path)?;
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Tail { file, is_new: true })
    }
}

// === impl Index ===

impl Index {
    /// The number that the next record gets.
    pub(crate) fn next(&self) -> u64 {
        self.lock().next
    }

    /// How long all segments are together.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The first segment that holds a record from this number on.
    pub(crate) fn find(&self, number: u64) -> Option<Segment> {
        let contents = self.lock();
        let place = contents.segments.partition_point(|segment| segment.end <= number);
        contents.segments.range(place..).find(|segment| segment.first < segment.end).copied()
    }

    /// The oldest segment, and whether it is the only one.
    pub(crate) fn oldest(&self) -> Option<(Segment, bool)> {
        let contents = self.lock();
        Some((*contents.segments.front()?, contents.segments.len() == 1))
    }

    /// Whether a segment holds nothing from this number on, and is worth the trouble.
    pub(crate) fn is_removable(&self, number: u64) -> bool {
        self.oldest().is_some_and(|(segment, is_last)| {
            segment.end <= number && (!is_last || segment.bytes >= WORTH_REMOVING)
        })
    }

    fn remove_oldest(&self) -> Option<(Segment, bool)> {
        let mut contents = self.lock();
        let segment = contents.segments.pop_front()?;
        Some((segment, contents.segments.is_empty()))
    }

    fn tail_length(&self) -> u64 {
        self.lock().segments.back().map_or(0, |last| last.bytes)
    }

    /// A segment without a record is none yet, unless something is written to it.
    fn begin(&self, first: u64) {
        let mut contents = self.lock();
        if contents.segments.back().is_some_and(|last| last.first == last.end) {
            contents.segments.pop_back();
        }
        contents.segments.push_back(Segment { first, end: first, bytes: 0 });
    }

    fn grow(&self, records: u64, bytes: u64) {
        let mut contents = self.lock();
        contents.next += records;
        let next = contents.next;
        if let Some(last) = contents.segments.back_mut() {
            last.end = next;
            last.bytes += bytes;
        }
    }

    /// The contents. They are whole even if a thread panicked with them.
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a segment is called: its names sort like its numbers.
fn file_name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The numbers of the segments in a folder, in order.
fn firsts(folder: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse().ok());
        firsts.extend(first.filter(|first| *name == *file_name(*first)));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// What of a file counts, which ends where the next one begins at the latest; `None` if nothing does.
fn scan(first: u64, most: u64, bytes: &[u8]) -> Option<Segment> {
    let (mut end, mut rest) = (first, bytes);
    while end < most
        && let Some((_, behind)) = record::take(end, rest)
    {
        (end, rest) = (end + 1, behind);
    }
    if !rest.is_empty() {
        let lost = rest.len();
        tracing::warn!(segment = first, lost, "the event log ends in the middle of a record");
    }
    (end > first).then(|| Segment { first, end, bytes: (bytes.len() - rest.len()) as u64 })
}

#[cfg(test)]
mod tests;
