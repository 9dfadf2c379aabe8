//! A blocking HTTP/1.1 client over std alone, for tests that kill servers, cut bodies and must not
//! share a runtime with what they test.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long any single read or write may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection, reopened when the server has closed it.
pub struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header lines, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

// === impl Client ===

impl Client {
    /// A client of this server; connects with the first request.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request with a `Content-Length` and reads the answer.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let result = self.exchange(method, path, headers, body);
        if result.is_err() {
            self.stream = None;
        }
        result
    }

    /// Announces `announced` bytes, sends `body`, and cuts the connection without reading.
    pub fn cut(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        announced: usize,
        body: &[u8],
    ) -> io::Result<()> {
        self.send(method, path, headers, announced, body)?;
        self.stream = None;
        Ok(())
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        self.send(method, path, headers, body.len(), body)?;
        let stream = self.stream.as_mut().expect("send has connected");
        let response = Response::read(stream, method == "HEAD")?;
        if response.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close")) {
            self.stream = None;
        }
        Ok(response)
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        announced: usize,
        body: &[u8],
    ) -> io::Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {announced}\r\n\r\n"));
        let stream = self.connected()?.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)
    }

    fn connected(&mut self) -> io::Result<&mut BufReader<TcpStream>> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            self.stream = Some(BufReader::new(stream));
        }
        Ok(self.stream.as_mut().expect("it was just set"))
    }
}

// === impl Response ===

impl Response {
    /// The first value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The path and query of the `Location`.
    pub fn location(&self) -> Option<&str> {
        let location = self.header("location")?;
        let path =
            location.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        Some(path.unwrap_or(location))
    }

    /// One past the last byte that a `Range: 0-<last>` names; 0 for `0-0`, which an empty upload and
    /// one of a single byte share.
    pub fn range_end(&self) -> Option<u64> {
        let last: u64 = self.header("range")?.rsplit_once('-')?.1.parse().ok()?;
        Some(if last == 0 { 0 } else { last + 1 })
    }

    fn read(stream: &mut BufReader<TcpStream>, head_only: bool) -> io::Result<Self> {
        let status_line = read_line(stream)?;
        let status = status_line.split(' ').nth(1).and_then(|s| s.parse().ok());
        let status = status.ok_or_else(|| invalid(&status_line))?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(stream)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid(&line))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if status == 100 {
            return Self::read(stream, head_only);
        }
        let mut response = Self { status, headers, body: Vec::new() };
        if !head_only && status != 204 && status != 304 {
            response.body = response.read_body(stream)?;
        }
        Ok(response)
    }

    fn read_body(&self, stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some() {
            loop {
                let line = read_line(stream)?;
                let size = u64::from_str_radix(&line, 16).map_err(|_| invalid(&line))?;
                stream.take(size).read_to_end(&mut body)?;
                read_line(stream)?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length = self.header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
        let read = stream.take(length).read_to_end(&mut body)?;
        match read as u64 == length {
            true => Ok(body),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    match stream.take(64 * 1024).read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

fn invalid(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {line:?}"))
}
