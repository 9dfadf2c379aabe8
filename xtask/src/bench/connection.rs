//! One connection of the load generator: HTTP/1.1 with keep-alive and no more parsing than it takes to
//! find the end of an answer.

use std::io::{self, ErrorKind};

use super::wire::{Target, Wire};

/// A head that is longer is no answer of a registry.
const HEAD_MAX: usize = 16 * 1024;

/// A connection that is opened when it is needed.
pub(crate) struct Connection {
    target: Target,
    wire: Option<Wire>,
    buffer: Vec<u8>,
    /// What has been received and not yet looked at: `buffer[from..to]`.
    from: usize,
    to: usize,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Bytes of the body that were received; after a HEAD, what was promised.
    pub(crate) length: u64,
    pub(crate) location: Option<String>,
    /// Where the next page of a list is.
    pub(crate) next: Option<String>,
}

/// The head of an answer.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) length: Option<u64>,
    chunked: bool,
    close: bool,
    location: Option<String>,
    next: Option<String>,
}

// === impl Connection ===

impl Connection {
    pub(crate) fn new(target: Target, buffer: usize) -> Self {
        let buffer = vec![0; buffer.max(HEAD_MAX)];
        Self { target, wire: None, buffer, from: 0, to: 0 }
    }

    /// Gives the connection up; the next request opens another one.
    pub(crate) fn close(&mut self) {
        self.wire = None;
        (self.from, self.to) = (0, 0);
    }

    /// Sends a request and takes the whole answer, whose body is counted and thrown away.
    pub(crate) async fn exchange(&mut self, request: &[u8], body: &[&[u8]]) -> io::Result<Answer> {
        let head = self.begin(request, body).await?;
        let length = match head {
            Head { status: 204 | 304, .. } => 0,
            _ if request.starts_with(b"HEAD ") => head.length.unwrap_or(0),
            Head { length: Some(length), .. } => self.skip(length).await.map(|()| length)?,
            Head { chunked: true, .. } => self.skip_chunks().await?,
            _ => self.skip_rest().await?,
        };
        if head.close {
            self.close();
        }
        Ok(Answer { status: head.status, length, location: head.location, next: head.next })
    }

    /// Sends a request and takes the head of the answer.
    pub(crate) async fn begin(&mut self, request: &[u8], body: &[&[u8]]) -> io::Result<Head> {
        let wire = match &mut self.wire {
            Some(wire) => wire,
            none => none.insert(self.target.connect().await?),
        };
        wire.write_all(request).await?;
        for part in body {
            wire.write_all(part).await?;
        }
        wire.flush().await?;
        self.head().await
    }

    /// Takes some of a body, as much as is there.
    pub(crate) async fn some(&mut self) -> io::Result<usize> {
        if self.from == self.to {
            self.fill().await?;
        }
        let count = self.to - self.from;
        self.from = self.to;
        Ok(count)
    }

    async fn head(&mut self) -> io::Result<Head> {
        loop {
            let received = &self.buffer[self.from..self.to];
            if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = parse(&received[..end]).ok_or_else(|| broken("not an answer"))?;
                self.from += end + 4;
                // An informational answer is followed by the real one.
                match head.status {
                    100..200 => continue,
                    _ => return Ok(head),
                }
            }
            self.fill().await?;
        }
    }

    async fn skip(&mut self, length: u64) -> io::Result<()> {
        let here = length.min((self.to - self.from) as u64);
        self.from += here as usize;
        let mut left = length - here;
        // The buffer is empty now, if anything is left.
        while left > 0 {
            (self.from, self.to) = (0, 0);
            let wire = self.wire.as_mut().ok_or(ErrorKind::NotConnected)?;
            match wire.discard(left, &mut self.buffer).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => left -= count as u64,
            }
        }
        Ok(())
    }

    async fn skip_chunks(&mut self) -> io::Result<u64> {
        let mut total = 0;
        loop {
            let size = self.chunk_size().await?;
            // The end of line after the chunk; there are no trailers after the last.
            self.skip(size + 2).await?;
            total += size;
            if size == 0 {
                return Ok(total);
            }
        }
    }

    async fn chunk_size(&mut self) -> io::Result<u64> {
        loop {
            let received = &self.buffer[self.from..self.to];
            if let Some(end) = received.windows(2).position(|two| two == b"\r\n") {
                let digits = std::str::from_utf8(&received[..end]).ok();
                let size = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                self.from += end + 2;
                return size.ok_or_else(|| broken("the size of a chunk cannot be read"));
            }
            self.fill().await?;
        }
    }

    /// Without a length, the end of the connection is the end of the body.
    async fn skip_rest(&mut self) -> io::Result<u64> {
        let mut total = 0;
        loop {
            match self.some().await {
                Ok(count) => total += count as u64,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        self.close();
        Ok(total)
    }

    async fn fill(&mut self) -> io::Result<()> {
        if self.from > 0 {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        if self.to == self.buffer.len() {
            return Err(broken("a head that is too long"));
        }
        let wire = self.wire.as_mut().ok_or(ErrorKind::NotConnected)?;
        match wire.read(&mut self.buffer[self.to..]).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.to += count;
                Ok(())
            }
        }
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

fn parse(bytes: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (first, fields) = text.split_once("\r\n").unwrap_or((text, ""));
    let status = first.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let mut head = Head { status, ..Head::default() };
    for (name, value) in fields.split("\r\n").filter_map(|line| line.split_once(": ")) {
        match name.len() {
            14 if is(name, "content-length") => head.length = Some(value.parse().ok()?),
            17 if is(name, "transfer-encoding") => head.chunked = is(value, "chunked"),
            10 if is(name, "connection") => head.close = is(value, "close"),
            4 if is(name, "link") => head.next = next(value),
            8 if is(name, "location") => head.location = Some(value.to_owned()),
            _ => {}
        }
    }
    Some(head)
}

/// The path in `<URL>; rel="next"`.
fn next(value: &str) -> Option<String> {
    let (url, rest) = value.strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| path(url).to_owned())
}

/// What comes after the host of a URL of a registry.
pub(crate) fn path(url: &str) -> &str {
    &url[url.find("/v2/").unwrap_or(0)..]
}

fn is(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// What is made of an answer that arrives in pieces of `piece` bytes, over one connection.
    fn answer(wire: &'static [u8], piece: usize, request: &'static [u8]) -> io::Result<Answer> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut vec![0; request.len()]).unwrap();
            for part in wire.chunks(piece) {
                stream.write_all(part).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer =
            runtime.block_on(Connection::new(Target::plain(address), 0).exchange(request, &[]));
        server.join().unwrap();
        answer
    }

    fn check(wire: &'static [u8], request: &'static [u8], status: u16, length: u64) {
        for piece in [1, 7, wire.len()] {
            let answer = answer(wire, piece, request).unwrap();
            assert_eq!((answer.status, answer.length), (status, length));
        }
    }

    #[test]
    fn the_end_of_an_answer_is_found() {
        let get = b"GET / HTTP/1.1\r\n\r\n";
        check(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", get, 200, 5);
        check(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            get,
            200,
            3,
        );
        check(b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", get, 204, 0);
        check(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", get, 200, 13);
        check(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", b"HEAD / ", 404, 9);
    }

    #[test]
    fn the_next_page_is_found() {
        let wire = b"HTTP/1.1 200 OK\r\nLink: <http://x/v2/y?n=1>; rel=\"next\"\r\n\
                     Content-Length: 0\r\n\r\n";
        let page = answer(wire, 99, b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(page.next.as_deref(), Some("/v2/y?n=1"));
        assert_eq!(next("</v2/z>; rel=first"), None);
    }

    #[test]
    fn a_body_that_is_cut_off_is_a_failure() {
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello";
        assert!(answer(cut, 99, b"GET / HTTP/1.1\r\n\r\n").is_err());
        assert!(answer(b"no answer\r\n\r\n", 99, b"GET / HTTP/1.1\r\n\r\n").is_err());
    }
}
