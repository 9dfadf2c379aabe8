//! A registry with access control, and requests to it or to any other.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod authority;

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use wharf_registry::{Server, config::Configuration};

const PATIENCE: Duration = Duration::from_secs(60);

/// A registry that runs until it is stopped.
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<()>>,
}

/// Writes a file; where it is.
pub(crate) fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, content).expect("written");
    path.display().to_string()
}

impl Registry {
    /// What comes of these sections of a configuration.
    pub(crate) async fn bind(auth: &str, http: &str) -> Result<Server, String> {
        let comma = if http.is_empty() { "" } else { ", " };
        let text = format!(
            "version: 0.1\nstorage: {{inmemory: , delete: {{enabled: true}}}}\n\
             http: {{addr: '127.0.0.1:0'{comma}{http}}}\n{auth}\n"
        );
        let loaded = Configuration::load(&text, "c.yml", []).map_err(|error| error.to_string())?;
        Server::bind(&loaded.configuration).await.map_err(|error| error.to_string())
    }

    pub(crate) async fn start(auth: &str) -> Self {
        Self::start_with(auth, "").await
    }

    pub(crate) async fn start_with(auth: &str, http: &str) -> Self {
        let server = Self::bind(auth, http).await.expect("bound");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { address, stop, running }
    }

    /// The answer to a request with these credentials.
    pub(crate) async fn ask(&self, request: &str, authorization: &str) -> String {
        let stream = TcpStream::connect(self.address).await.expect("connected");
        exchange(stream, request, authorization).await
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("it runs");
        timeout(PATIENCE, self.running).await.expect("in time").expect("no panic").expect("fine");
    }
}

/// The answer over a connection, which ends with it.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
    authorization: &str,
) -> String {
    let authorization = match authorization {
        "" => String::new(),
        value => format!("authorization: {value}\r\n"),
    };
    let head = format!(
        "{request} HTTP/1.1\r\nhost: registry.example:5000\r\nconnection: close\r\n\
         content-length: 0\r\n{authorization}\r\n"
    );
    say(stream, &head).await
}

/// The answer of an address to this text, after which it closes the connection.
pub(crate) async fn send(address: SocketAddr, request: &str) -> String {
    let stream = timeout(PATIENCE, TcpStream::connect(address)).await.expect("in time");
    say(stream.expect("connected"), request).await
}

async fn say(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    timeout(PATIENCE, exchange).await.expect("in time").expect("an answer")
}

#[track_caller]
pub(crate) fn check(answer: &str, status: u16, contains: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(contains), "{answer}");
}
