//! A small HTTP/1.1 server over std alone, for tests that need somebody to talk to: each request is
//! answered by a function.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rcgen::{CertifiedKey, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

/// A server, until the value is dropped.
pub struct Double {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

/// A whole request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// The path as it came, without its query.
    pub path: String,
    /// The query in its order, decoded.
    pub query: Vec<(String, String)>,
    /// The names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers besides `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body. For HEAD only its length is sent.
    pub body: Vec<u8>,
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// No request of a test has a longer body.
const MOST: u64 = 1 << 30;

// === impl Double ===

impl Double {
    /// Answers on a free port of the loopback interface.
    pub fn start(
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::listen("127.0.0.1:0".parse().expect("an address"), handler)
    }

    /// The same over TLS, with this certificate.
    pub fn start_tls(
        certificate: &CertifiedKey<KeyPair>,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der());
        let key = key.map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth());
        let chain = vec![certificate.cert.der().clone()];
        let config = config.and_then(|builder| builder.with_single_cert(chain, key));
        let config = Arc::new(config.map_err(io::Error::other)?);
        let address = "127.0.0.1:0".parse().expect("an address");
        Self::serve(address, handler, move |stream, handler| {
            let session = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            converse(StreamOwned::new(session, stream), handler)
        })
    }

    /// Answers at this address.
    pub fn listen(
        address: SocketAddr,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::serve(address, handler, converse)
    }

    fn serve(
        address: SocketAddr,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
        converse: impl Fn(TcpStream, &Handler) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (handler, end): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&ended));
        let converse = Arc::new(converse);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let (handler, converse) = (Arc::clone(&handler), Arc::clone(&converse));
                // Whoever breaks off is not our concern.
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_nodelay(true)?;
                    converse(stream, &*handler)
                });
            }
        });
        Ok(Self { address, ended })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // It waits for a connection, and ends with this one.
        TcpStream::connect(self.address).ok();
    }
}

fn converse<S: Read + Write>(stream: S, handler: &Handler) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = Request::read(&mut stream)? {
        let response = handler(&request);
        response.write(stream.get_mut(), request.method == "HEAD")?;
    }
    Ok(())
}

// === impl Request ===

impl Request {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The last value of a key of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `None` when the connection has come to its end.
    fn read(stream: &mut BufReader<impl Read>) -> io::Result<Option<Self>> {
        let line = line(stream)?;
        let mut words = line.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: pairs(query),
            ..Self::default()
        };
        loop {
            let line = self::line(stream)?;
            let Some((name, value)) = line.split_once(':') else { break };
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = request.header("content-length").and_then(|value| value.parse().ok());
        stream.take(length.unwrap_or(0).min(MOST)).read_to_end(&mut request.body)?;
        Ok(Some(request))
    }
}

fn line(stream: &mut BufReader<impl Read>) -> io::Result<String> {
    let mut line = String::new();
    stream.take(64 << 10).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// What a query or a form holds, decoded.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(&key.replace('+', " ")), decode(&value.replace('+', " "))))
        .collect()
}

/// What a text with `%2F` and the like stands for.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

// === impl Response ===

impl Response {
    /// An answer without a body.
    pub fn of(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn write(&self, stream: &mut impl Write, head_only: bool) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} -\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status != 204 {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        stream.write_all((head + "\r\n").as_bytes())?;
        if !head_only {
            stream.write_all(&self.body)?;
        }
        stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Client;

    #[test]
    fn each_request_is_answered_by_the_function() {
        let double = Double::start(|request| {
            let said = format!("{} {}", request.method, request.query("q").unwrap_or_default());
            Response::of(201).with("X-One", 1).body([said.as_bytes(), &request.body].concat())
        })
        .expect("a port");
        let mut client = Client::new(double.address());
        for _ in 0..2 {
            let answer = client.request("PUT", "/a?q=x%2Fy+z", &[], b"!").expect("an answer");
            assert_eq!((answer.status, answer.body.as_slice()), (201, &b"PUT x/y z!"[..]));
            assert_eq!(answer.header("x-one"), Some("1"));
        }
        let head = client.request("HEAD", "/a", &[], b"").expect("an answer");
        assert_eq!((head.body.len(), head.header("content-length")), (0, Some("5")));
    }

    #[test]
    fn what_is_no_code_stays() {
        assert_eq!(decode("a%2fb%zz%"), "a/b%zz%");
    }
}
