//! The same over TLS with HTTP/2, where all requests share a connection.

use std::{convert::Infallible, error::Error as _, fs, path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_rustls::TlsConnector;
use wharf_digest::Digest;

use super::{LARGE, PATIENCE, Server, content};

const EACH: usize = 30;

/// A connection over which requests are sent.
struct Client {
    sender: SendRequest<Body>,
    ended: JoinHandle<hyper::Result<()>>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An upload of which a byte has come.
struct Upload {
    more: mpsc::Sender<Bytes>,
    answer: JoinHandle<hyper::Result<Response<Incoming>>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_stream_is_cut_before_the_time_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, section) = pair(folder.path());
    let mut server = Server::start_with("5m", &section);
    let mut client = Client::connect(&server, certificate.clone()).await;
    let digest = client.push(&content()).await;
    let mut uploads = Vec::new();
    let mut downloads = Vec::new();
    for _ in 0..EACH {
        uploads.push(client.upload().await);
        let answer = client.ask("GET", &format!("/v2/a/blobs/{digest}"), &[]).await;
        assert_eq!(answer.status(), 200);
        downloads.push(answer);
    }
    // What was sent before is known to the server when this is answered.
    assert_eq!(client.ask("GET", "/v2/", &[]).await.status(), 200);

    server.terminate();
    server.line("SIGTERM");
    tokio::task::spawn_blocking({
        let address = server.address;
        move || Server::refuses_others(address)
    })
    .await
    .expect("refused");
    client.is_told_to_go().await;
    assert!(server.child.try_wait().expect("asked").is_none(), "it does not wait");
    for upload in uploads {
        upload.finish().await;
    }
    for download in downloads {
        let body = timeout(PATIENCE, download.into_body().collect()).await.expect("in time");
        assert!(digest.matches(&body.expect("all of it").to_bytes()));
    }
    timeout(PATIENCE, client.ended)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("a clean end");
    assert!(server.wait().success());
}

/// A certificate, and the part of the configuration that names it.
fn pair(folder: &Path) -> (CertificateDer<'static>, String) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("signed");
    let file = folder.join("pair.pem");
    fs::write(&file, signed.cert.pem() + &signed.signing_key.serialize_pem()).expect("written");
    let file = file.display();
    (signed.cert.der().clone(), format!(", tls: {{certificate: {file}, key: {file}}}"))
}

/// A body of which the first pieces are there.
fn body(pieces: &[&[u8]]) -> (mpsc::Sender<Bytes>, Body) {
    let (more, pending) = mpsc::channel(pieces.len() + 1);
    for piece in pieces {
        more.try_send(Bytes::copy_from_slice(piece)).expect("there is room");
    }
    let frames = stream::unfold(pending, async |mut pending| {
        let piece = pending.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(piece)), pending))
    });
    (more, StreamBody::new(frames).boxed_unsync())
}

fn request(method: &str, path: &str, body: Body) -> Request<Body> {
    let request = Request::builder().method(method).uri(format!("https://localhost{path}"));
    let request = request.header("content-type", "application/octet-stream");
    request.body(body).expect("a request")
}

// === impl Client ===

impl Client {
    async fn connect(server: &Server, certificate: CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a certificate");
        let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(server.address).await.expect("it listens");
        let name = "localhost".try_into().expect("a name");
        let connect = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        let stream = timeout(PATIENCE, connect).await.expect("in time").expect("agreed");
        // Small windows: downloads wait for whoever takes them.
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(16 << 10)
            .handshake(TokioIo::new(stream))
            .await
            .expect("HTTP/2");
        Self { sender, ended: tokio::spawn(connection) }
    }

    async fn ask(&mut self, method: &str, path: &str, content: &[u8]) -> Response<Incoming> {
        let (_, body) = body(&[content]);
        let answer = self.sender.send_request(request(method, path, body));
        timeout(PATIENCE, answer).await.expect("in time").expect("answered")
    }

    /// Begins an upload; returns where it goes on.
    async fn begin(&mut self) -> String {
        let answer = self.ask("POST", "/v2/a/blobs/uploads/", &[]).await;
        assert_eq!(answer.status(), 202);
        let location = answer.headers()["location"].to_str().expect("a text").to_owned();
        location[location.find("/v2/").expect("a path")..].to_owned()
    }

    async fn push(&mut self, content: &[u8]) -> Digest {
        let (location, digest) = (self.begin().await, Digest::sha256(content));
        let mark = if location.contains('?') { '&' } else { '?' };
        let answer = self.ask("PUT", &format!("{location}{mark}digest={digest}"), content).await;
        assert_eq!(answer.status(), 201);
        digest
    }

    async fn upload(&mut self) -> Upload {
        let location = self.begin().await;
        let (more, body) = body(&[b"a"]);
        let answer = self.sender.send_request(request("PATCH", &location, body));
        Upload { more, answer: tokio::spawn(answer) }
    }

    /// Waits until the server takes no more requests on this connection: it has sent GOAWAY.
    async fn is_told_to_go(&mut self) {
        let told = async {
            while let Ok(()) = self.sender.ready().await {
                let (_, body) = body(&[]);
                if let Err(error) = self.sender.send_request(request("GET", "/v2/", body)).await {
                    let why = error.source().map(ToString::to_string).unwrap_or_default();
                    assert!(!why.contains("broken pipe") && !why.contains("reset"), "{why}");
                    return;
                }
            }
        };
        timeout(PATIENCE, told).await.expect("in time");
    }
}

// === impl Upload ===

impl Upload {
    async fn finish(self) {
        let Self { more, answer } = self;
        more.send(Bytes::from_static(b"b")).await.expect("it is taken");
        drop(more);
        let answer = timeout(PATIENCE, answer).await.expect("in time").expect("no panic");
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 202);
        assert_eq!(answer.headers()["range"], "0-1");
    }
}

const _: () = assert!(LARGE > EACH * (16 << 10));
