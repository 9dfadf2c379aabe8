//! Reads a log that is being written.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Index, Segment, file_name,
    record::{HEADER, Header},
};

/// Reads records in their order, one at a time. What it holds is one open file.
#[derive(Debug)]
pub(crate) struct Reader {
    folder: PathBuf,
    index: Arc<Index>,
    open: Option<Open>,
}

/// What a reader found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The record with this number.
    Record(u64, Vec<u8>),
    /// Nothing that can be read up to this number: the file is damaged there.
    Damaged(u64),
    /// Nothing more, for now.
    End,
}

/// A file, and where in it which record begins.
#[derive(Debug)]
struct Open {
    file: File,
    first: u64,
    number: u64,
    offset: u64,
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(folder: &Path, index: Arc<Index>) -> Self {
        Self { folder: folder.to_owned(), index, open: None }
    }

    /// The first record from this number on.
    pub(crate) fn next(&mut self, from: u64) -> io::Result<Found> {
        loop {
            let Some(segment) = self.index.find(from) else { return Ok(Found::End) };
            let number = from.max(segment.first);
            match self.read(segment, number) {
                Ok(payload) => return Ok(Found::Record(number, payload)),
                // It was removed in the meantime: there is a later one, or none.
                Err(_) if self.index.find(from).map(|it| it.first) != Some(segment.first) => {
                    self.open = None;
                }
                Err(error)
                    if [ErrorKind::InvalidData, ErrorKind::UnexpectedEof, ErrorKind::NotFound]
                        .contains(&error.kind()) =>
                {
                    self.open = None;
                    return Ok(Found::Damaged(segment.end));
                }
                Err(error) => {
                    self.open = None;
                    return Err(error);
                }
            }
        }
    }

    fn read(&mut self, segment: Segment, number: u64) -> io::Result<Vec<u8>> {
        let usable = |open: &Open| open.first == segment.first && open.number <= number;
        let open = match self.open.take().filter(usable) {
            Some(open) => self.open.insert(open),
            None => self.open.insert(Open::new(&self.folder, segment.first)?),
        };
        while open.number < number {
            let header = open.header()?;
            open.pass(&header);
        }
        let header = open.header()?;
        let mut payload = vec![0; header.length];
        open.file.read_exact_at(&mut payload, open.offset + HEADER as u64)?;
        if !header.fits(&payload) {
            return Err(ErrorKind::InvalidData.into());
        }
        open.pass(&header);
        Ok(payload)
    }
}

// === impl Open ===

impl Open {
    fn new(folder: &Path, first: u64) -> io::Result<Self> {
        let file = File::open(folder.join(file_name(first)))?;
        Ok(Self { file, first, number: first, offset: 0 })
    }

    fn header(&self) -> io::Result<Header> {
        let mut bytes = [0; HEADER];
        self.file.read_exact_at(&mut bytes, self.offset)?;
        let header = Header::parse(&bytes).filter(|header| header.number == self.number);
        header.ok_or_else(|| ErrorKind::InvalidData.into())
    }

    fn pass(&mut self, header: &Header) {
        self.number += 1;
        self.offset += (HEADER + header.length) as u64;
    }
}
