//! Large writes past the page cache.
//!
//! Large content goes to the disk before it is acknowledged in any case. Through the page cache it
//! would cost a copy, a fresh page for each 4 KiB, which is most of what a push costs beside its
//! hash, and the place of content that somebody reads. So what is aligned as disks want it, and is
//! large enough for a trip of its own, goes from the caller's buffer.

use std::{fs::File, io};

use bytes::Bytes;
#[cfg(target_os = "linux")]
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::writable::write_all;

/// What every disk is content with.
const ALIGNMENT: u64 = 4096;

/// Less is not worth waiting for the disk.
const LEAST: usize = 64 << 10;

/// Whether pieces can go past the page cache.
pub(crate) fn suits(offset: u64, pieces: &[Bytes]) -> bool {
    let aligned = |number: u64| number.is_multiple_of(ALIGNMENT);
    aligned(offset)
        && pieces.iter().map(Bytes::len).sum::<usize>() >= LEAST
        && pieces.iter().all(|piece| aligned(piece.len() as u64) && aligned(piece.as_ptr() as u64))
}

/// Writes pieces past the page cache where the file system can do that.
pub(crate) fn write(file: &File, offset: u64, pieces: &[Bytes]) -> io::Result<()> {
    if bypass(file, true).is_err() {
        return write_all(file, offset, pieces);
    }
    let written = write_all(file, offset, pieces);
    // Whoever reads the file, or writes its end, need not be aligned.
    bypass(file, false)?;
    match written {
        // Some file systems say only now that they cannot; some disks want more than we think. The
        // same bytes at the same place do no harm.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
            write_all(file, offset, pieces)
        }
        written => written,
    }
}

#[cfg(target_os = "linux")]
fn bypass(file: &File, wanted: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, wanted);
    Ok(fcntl_setfl(file, flags)?)
}

#[cfg(not(target_os = "linux"))]
fn bypass(_: &File, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use bytes::{Buf, BytesMut};

    use super::*;

    fn page_aligned(length: usize, seed: usize) -> Bytes {
        let mut buffer = BytesMut::zeroed(length + ALIGNMENT as usize);
        buffer.advance(buffer.as_ptr().align_offset(ALIGNMENT as usize));
        buffer.truncate(length);
        (0..length).for_each(|at| buffer[at] = (at / 7 + seed) as u8);
        buffer.freeze()
    }

    #[test]
    fn only_what_is_large_and_aligned_is_taken() {
        let whole = page_aligned(2 * LEAST, 0);
        let suits_at = |offset, bytes: Bytes| suits(offset, &[bytes]);
        assert!(suits(0, &[whole.clone(), whole.clone()]) && suits_at(4096, whole.clone()));
        assert!(!suits_at(1, whole.clone()));
        assert!(!suits_at(0, whole.slice(1..)) && !suits_at(0, whole.slice(..2 * LEAST - 1)));
        assert!(!suits_at(0, whole.slice(..4096)) && !suits(0, &[]));
    }

    #[test]
    fn large_and_small_writes_go_together() {
        let file = tempfile::tempfile().expect("a file");
        let (first, second) = (page_aligned(3 * LEAST, 1), page_aligned(LEAST, 2));
        write(&file, 0, &[first.clone(), second.clone()]).expect("it is written");
        let end = (first.len() + second.len()) as u64;
        write_all(&file, end, &[Bytes::from_static(b"the end")]).expect("it is written");
        let mut content = vec![0; end as usize + 7];
        file.read_exact_at(&mut content, 0).expect("it is read");
        assert!(content == [&first[..], &second, b"the end"].concat());
        assert_eq!(file.metadata().expect("a file").len(), end + 7);
    }
}
