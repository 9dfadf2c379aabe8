//! The pages of a file: whether they are in memory, getting them there, and sending them.

use std::{fs::File, io, os::unix::fs::FileExt};

use tokio::net::TcpStream;
use wharf_content::FileRegion;

/// How much is copied at a time, in bytes.
const COPY: usize = 64 << 10;

/// Whether the region can, most likely, be read without waiting: its first and last bytes are in
/// memory. Where the system cannot tell, it is `false`.
pub(crate) fn are_cached(region: &FileRegion) -> bool {
    // Nothing at all is the end of the file, which is as quick.
    let is_cached = |offset| read_now(region.file(), &mut [0], offset).is_some();
    is_cached(region.offset()) && is_cached(region.offset() + region.len().saturating_sub(1))
}

/// Fills a buffer with the region, which is as long, if all of it is in memory. Never waits for the disk.
pub(crate) fn read_cached(region: &FileRegion, buffer: &mut [u8]) -> bool {
    read_now(region.file(), buffer, region.offset()) == Some(buffer.len())
}

/// Reads what is in memory, perhaps less than there is room for; `None` if that is nothing.
#[cfg(target_os = "linux")]
fn read_now(file: &File, buffer: &mut [u8], offset: u64) -> Option<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};

    let mut buffers = [io::IoSliceMut::new(buffer)];
    preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT).ok()
}

#[cfg(not(target_os = "linux"))]
fn read_now(_file: &File, _buffer: &mut [u8], _offset: u64) -> Option<usize> {
    None
}

/// Reads the region so that it is in memory, as far as its file goes. Waits for the disk.
pub(super) fn read(region: &FileRegion) -> io::Result<()> {
    let mut buffer = vec![0; COPY];
    let mut rest = region.clone();
    while let Some(piece) = rest.split_front(COPY as u64) {
        if piece.file().read_at(&mut buffer, piece.offset())? == 0 {
            break;
        }
    }
    Ok(())
}

/// Sends some bytes in front of a region, without a packet of their own. Returns how many.
pub(super) fn send_head(tcp: &TcpStream, head: &[u8]) -> io::Result<usize> {
    use rustix::net::{SendFlags, send};

    #[cfg(target_os = "linux")]
    let flags = SendFlags::MORE;
    #[cfg(not(target_os = "linux"))]
    let flags = SendFlags::empty();
    Ok(send(tcp, head, flags)?)
}

/// Sends bytes from the front of the region, as many as the socket takes. Returns how many; none is
/// the end of the file.
#[cfg(target_os = "linux")]
pub(super) fn send(tcp: &TcpStream, region: &FileRegion) -> io::Result<usize> {
    use rustix::{fs::sendfile, io::Errno};

    let mut offset = region.offset();
    let most = usize::try_from(region.len()).unwrap_or(usize::MAX);
    match sendfile(tcp, region.file(), Some(&mut offset), most) {
        // A file system that cannot do this.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => copy(tcp, region),
        sent => Ok(sent?),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn send(tcp: &TcpStream, region: &FileRegion) -> io::Result<usize> {
    copy(tcp, region)
}

/// [`send`], through our memory.
fn copy(tcp: &TcpStream, region: &FileRegion) -> io::Result<usize> {
    let most = usize::try_from(region.len()).unwrap_or(COPY).min(COPY);
    let mut buffer = vec![0; most];
    let read = region.file().read_at(&mut buffer, region.offset())?;
    match read {
        0 => Ok(0),
        _ => Ok(rustix::io::write(tcp, &buffer[..read])?),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, sync::Arc};

    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, client)
    }

    fn file(content: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Arc::new(file)
    }

    #[tokio::test]
    async fn sending_and_copying_send_the_same() {
        let content: Vec<u8> = (0..COPY + 100).map(|i| (i % 251) as u8).collect();
        let region = FileRegion::new(file(&content), 7, COPY as u64);
        assert!(read(&region).is_ok());
        for way in [send, copy] {
            let (server, mut client) = connected().await;
            let (mut rest, mut received) = (region.clone(), Vec::new());
            while !rest.is_empty() {
                server.writable().await.unwrap();
                let sent = way(&server, &rest).unwrap();
                rest.split_front(sent as u64);
                let mut piece = vec![0; sent];
                client.read_exact(&mut piece).await.unwrap();
                received.extend(piece);
            }
            assert!(received == content[7..7 + COPY]);
        }
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        let file = file(b"abcdef");
        let mut buffer = [0; 3];
        let known = read_cached(&FileRegion::new(Arc::clone(&file), 2, 3), &mut buffer);
        // Not every file system can tell.
        assert!(!known || buffer == *b"cde");
        assert!(!read_cached(&FileRegion::new(file, 5, 3), &mut buffer));
    }

    #[tokio::test]
    async fn nothing_is_sent_beyond_the_end() {
        let region = FileRegion::new(file(b"abc"), 3, 10);
        let (server, _client) = connected().await;
        for way in [send, copy] {
            assert_eq!(way(&server, &region).unwrap(), 0);
        }
        assert!(read(&region).is_ok());
    }
}
