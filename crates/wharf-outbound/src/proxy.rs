//! A proxy that requests go through.

use std::{fmt, str::FromStr};

use http::{HeaderValue, Uri};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Error, client::basic, reach::authority};

/// A proxy that requests go through: `http://user:password@proxy.example.com:3128`.
#[derive(Clone)]
pub struct Proxy {
    host: String,
    port: u16,
    credentials: Option<HeaderValue>,
}

/// No proxy needs more to say that it has connected.
const LONGEST_ANSWER: usize = 8 << 10;

// === impl Proxy ===

impl Proxy {
    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What `Proxy-Authorization` says.
    pub(crate) fn credentials(&self) -> Option<&HeaderValue> {
        self.credentials.as_ref()
    }

    /// Asks for a connection to the server.
    pub(crate) async fn tunnel(
        &self,
        tcp: &mut TcpStream,
        host: &str,
        port: u16,
    ) -> Result<(), Error> {
        let broken = |error: std::io::Error| Error::Proxy(error.to_string());
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(Ok(credentials)) = self.credentials.as_ref().map(HeaderValue::to_str) {
            request.extend(["Proxy-Authorization: ", credentials, "\r\n"]);
        }
        request.push_str("\r\n");
        tcp.write_all(request.as_bytes()).await.map_err(broken)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            // One byte at a time: what follows belongs to TLS.
            answer.push(tcp.read_u8().await.map_err(broken)?);
            if answer.len() > LONGEST_ANSWER {
                return Err(Error::Proxy("its answer has no end".to_owned()));
            }
        }
        let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        match line.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(()),
            _ => Err(Error::Proxy(format!(
                "it answers {:?}",
                line.chars().take(80).collect::<String>()
            ))),
        }
    }
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Proxy("expected a URL such as http://proxy.example.com:3128".into());
        let url: Uri = text.parse().map_err(|_| wrong())?;
        if url.scheme_str() != Some("http") {
            return Err(wrong());
        }
        let (host, port) = authority(&url).ok_or_else(wrong)?;
        Ok(Self { host, port, credentials: basic(&url) })
    }
}

/// Says where it is, and nothing of its credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}
