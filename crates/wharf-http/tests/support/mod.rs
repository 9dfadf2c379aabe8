//! A server on a free port, and a client that says exactly what it is told.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use wharf_driver::MemoryDriver;
use wharf_http::{App, Options, serve};
use wharf_storage::StorageNamespace;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    running: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
}

/// A connection of a client.
pub(crate) struct Client(BufReader<TcpStream>);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Collects what is logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

pub(crate) fn options() -> Options {
    Options { delete: true, upload_key: b"test".to_vec(), ..Options::default() }
}

// === impl Log ===

impl Log {
    /// Collects what this thread logs from here on, until the guard is dropped. A test has a runtime of
    /// one thread, so that all of the server's work is in there.
    pub(crate) fn begin(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let sink = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(move || sink.clone())
            .with_ansi(false)
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// What was logged since this was asked last.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// === impl Server ===

impl Server {
    pub(crate) async fn start(options: Options) -> Self {
        let storage = wharf_storage::Options { delete: true, ..wharf_storage::Options::default() };
        let namespace = StorageNamespace::new(Arc::new(MemoryDriver::new()), storage);
        Self::serving(App::new(Arc::new(namespace), options)).await
    }

    pub(crate) async fn serving(app: App) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(serve(listener, Arc::new(app), shutdown, PATIENCE));
        Self { address, stop: Some(stop).into(), running: Some(running).into() }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A client for which the kernel takes little in advance.
    pub(crate) async fn narrow_client(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        Client(BufReader::new(socket.connect(self.address).await.unwrap()))
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        self.client().await.send(method, path, headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    /// Pushes a blob and returns its digest.
    pub(crate) async fn push_blob(&self, name: &str, content: &[u8]) -> String {
        let digest = wharf_digest::Digest::sha256(content).to_string();
        let path = format!("/v2/{name}/blobs/uploads/?digest={digest}");
        let answer = self.send("POST", &path, &[], content).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        digest
    }

    /// Tells the server to end, and waits until it has.
    pub(crate) async fn stop(&self) {
        self.tell_to_stop();
        let running = self.running.lock().unwrap().take().unwrap();
        timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
    }

    /// Tells the server to end.
    pub(crate) fn tell_to_stop(&self) {
        drop(self.stop.lock().unwrap().take());
    }
}

// === impl Client ===

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let mut head: Vec<String> = headers.iter().map(|&line| line.to_owned()).collect();
        let framed =
            headers.iter().any(|line| line.to_lowercase().starts_with("transfer-encoding"));
        if !framed && (!body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH")) {
            head.push(format!("Content-Length: {}", body.len()));
        }
        self.raw(method, path, &head, body).await;
        self.answer(method).await
    }

    /// Sends a head as it is, and some bytes behind it.
    pub(crate) async fn raw(&mut self, method: &str, path: &str, headers: &[String], body: &[u8]) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: registry.test\r\n");
        headers.iter().for_each(|line| request.push_str(&format!("{line}\r\n")));
        request.push_str("\r\n");
        self.write(request.as_bytes()).await;
        self.write(body).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        // A server that has answered already may be gone.
        let _ = timeout(PATIENCE, self.0.get_mut().write_all(bytes)).await.unwrap();
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let byte = timeout(PATIENCE, self.0.read_u8()).await.unwrap();
            line.push(byte.unwrap_or_else(|error| panic!("{error} after {line:?}")));
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        let status = self.line().await;
        let status: u16 = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if method != "HEAD" && !matches!(status, 100 | 204 | 304) {
            answer.body = vec![0; answer.header("content-length").unwrap().parse().unwrap()];
            timeout(PATIENCE, self.0.read_exact(&mut answer.body)).await.unwrap().unwrap();
        }
        answer
    }

    /// The next bytes.
    pub(crate) async fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        timeout(PATIENCE, self.0.read_exact(&mut bytes)).await.unwrap().unwrap();
        bytes
    }

    /// All bytes until the server closes the connection, in order or by a reset.
    pub(crate) async fn until_closed(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.expect("still open");
        bytes
    }

    /// How many bytes come before the server closes the connection.
    pub(crate) async fn rest(&mut self) -> usize {
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("still open");
        rest.len()
    }

    /// Takes some bytes now and then, until the server closes the connection. How many there were.
    pub(crate) async fn sip(&mut self, bytes: usize, every: Duration) -> usize {
        let (mut sip, mut taken) = (vec![0; bytes], 0);
        loop {
            match timeout(PATIENCE, self.0.read(&mut sip)).await.expect("still open") {
                Ok(0) | Err(_) => return taken,
                Ok(came) => taken += came,
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Waits until the server has closed the connection.
    pub(crate) async fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("still open");
        read.is_err() || rest.is_empty()
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(given, _)| given == name).map(|(_, v)| v.as_str()).collect()
    }

    /// The path of the `Location`, with its query.
    pub(crate) fn location(&self) -> String {
        let location = self.header("location").unwrap();
        location.strip_prefix("http://registry.test").unwrap_or(location).to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Status and code of an error.
    pub(crate) fn error(&self) -> (u16, String) {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        (self.status, json["errors"][0]["code"].as_str().unwrap().to_owned())
    }
}
