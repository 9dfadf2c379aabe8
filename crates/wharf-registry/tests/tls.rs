//! A server over TLS, from its configuration to what clients of both protocols see.

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::CertificateDer,
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wharf_registry::{Error, Server, config::Configuration, digest::Digest};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with a certificate of its own making, until it is dropped.
struct Site {
    folder: Arc<TempDir>,
    certificate: CertificateDer<'static>,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<()>>,
}

/// A connection over which requests are sent.
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

#[tokio::test]
async fn both_protocols_push_and_pull() {
    let site = Site::start("", "").await;
    for protocol in ["http/1.1", "h2"] {
        let mut sender = Sender::connect(&site, protocol).await;
        let base = format!("https://localhost:{}", site.address.port());
        let repository = format!("{base}/v2/over/{}", protocol.replace('/', "-"));
        let layer: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let config = Bytes::from_static(b"{}");
        let mut descriptors = Vec::new();
        for (content, media_type) in [
            (&config, "application/vnd.oci.image.config.v1+json"),
            (&layer, "application/vnd.oci.image.layer.v1.tar"),
        ] {
            let begun = sender.ask("POST", &format!("{repository}/blobs/uploads/"), "", b"").await;
            assert_eq!(begun.status(), 202);
            let location = location(&begun);
            assert!(location.starts_with(&format!("{repository}/blobs/uploads/")), "{location}");
            let digest = Digest::sha256(content);
            let whole = format!("{location}&digest={digest}");
            let put = sender.ask("PUT", &whole, "application/octet-stream", content).await;
            assert_eq!(put.status(), 201);
            descriptors.push(format!(
                r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#,
                content.len()
            ));
        }
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{},"layers":[{}]}}"#,
            descriptors[0], descriptors[1]
        );
        let url = format!("{repository}/manifests/latest");
        let put = sender.ask("PUT", &url, media_type, manifest.as_bytes()).await;
        assert_eq!(put.status(), 201);
        assert!(location(&put).starts_with(&format!("{repository}/manifests/sha256:")));

        let pulled = sender.ask("GET", &url, "", b"").await;
        assert_eq!(body(pulled).await, manifest);
        let url = format!("{repository}/blobs/{}", Digest::sha256(&layer));
        let pulled = sender.ask("GET", &url, "", b"").await;
        assert!(body(pulled).await == layer);
    }
}

#[tokio::test]
async fn http2_can_be_off() {
    let site = Site::start("", "http2: {disabled: true}").await;
    let stream = site.connect(&["h2", "http/1.1"], &[&TLS13]).await.expect("agreed");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn who_is_too_old_or_unknown_is_refused() {
    let site = Site::start("minimumtls: tls1.3", "").await;
    site.connect(&[], &[&TLS12]).await.expect_err("too old");
    site.connect(&[], &[&TLS13]).await.expect("new enough");

    let site = Site::start("clientcas: [FOLDER/s.crt]", "").await;
    let mut stream = site.connect(&[], &[&TLS13]).await.expect("the client's half");
    stream.read_u8().await.expect_err("the server's half");
}

#[tokio::test]
async fn who_stalls_is_cut_and_stops_nobody() {
    let patient = Site::start("", "limits: {headertimeout: 1h}").await;
    let mut stalled = Vec::new();
    for half in 0..200 {
        let mut stream = TcpStream::connect(patient.address).await.expect("connected");
        if half % 2 == 0 {
            stream.write_all(b"\x16\x03\x01\x02\x00\x01").await.expect("sent");
        }
        stalled.push(stream);
    }
    let mut sender = Sender::connect(&patient, "h2").await;
    assert_eq!(sender.ask("GET", "https://localhost/v2/", "", b"").await.status(), 200);

    let hasty = Site::start("", "limits: {headertimeout: 200ms}").await;
    for first in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = TcpStream::connect(hasty.address).await.expect("connected");
        stream.write_all(first).await.expect("sent");
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("still open");
        assert!(ended.is_err() || rest.is_empty(), "{rest:?}");
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    const LENGTH: usize = 12 << 20;
    let patient = Site::start("", "").await;
    let mut sender = Sender::connect(&patient, "http/1.1").await;
    let base = "https://localhost/v2/a/blobs";
    let content = vec![7; LENGTH];
    let digest = Digest::sha256(&content);
    let url = format!("{base}/uploads/?digest={digest}");
    assert_eq!(sender.ask("POST", &url, "application/octet-stream", &content).await.status(), 201);

    let folder = Arc::clone(&patient.folder);
    let hasty = Site::over(folder, "", "limits: {stalltimeout: 200ms}").await;
    // For this client the kernel takes little in advance.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 << 10).expect("set");
    let tcp = socket.connect(hasty.address).await.expect("connected");
    let mut client = hasty.secure(tcp, &[], &[&TLS13]).await.expect("agreed");
    let request = format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: h\r\n\r\n");
    client.write_all(request.as_bytes()).await.expect("sent");
    client.flush().await.expect("sent");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut taken = Vec::new();
    let ended = timeout(PATIENCE, client.read_to_end(&mut taken)).await.expect("still open");
    assert!(ended.is_err() && taken.len() < LENGTH, "{ended:?}, {}", taken.len());
}

#[tokio::test]
async fn a_handshake_does_not_delay_the_end() {
    let site = Site::start("", "draintimeout: 1h, limits: {headertimeout: 1h}").await;
    let _stalled = TcpStream::connect(site.address).await.expect("connected");
    let Site { _stop, running, .. } = site;
    drop(_stop);
    timeout(PATIENCE, running).await.expect("in time").expect("no panic").expect("in order");
}

#[tokio::test]
async fn plain_http_is_told_what_to_do() {
    let site = Site::start("", "").await;
    let mut stream = TcpStream::connect(site.address).await.expect("connected");
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("in time").expect("an answer");
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer}");
    assert!(answer.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{answer}");
}

#[tokio::test]
async fn what_cannot_be_used_is_an_error_before_anything_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    write_pair(&folder);
    let other = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    fs::write(folder.path().join("other.key"), other).expect("written");
    for (more, expected) in [
        ("key: FOLDER/other.key", "http.tls: the key in FOLDER/other.key does not belong to"),
        ("key: FOLDER/missing", "http.tls: cannot read FOLDER/missing: "),
        (
            "key: FOLDER/s.key, ciphersuites: [TLS_RSA_WITH_AES_128_CBC_SHA]",
            "http.tls: cipher suite TLS_RSA_WITH_AES_128_CBC_SHA is too weak and not offered",
        ),
    ] {
        let configuration = configuration(&folder, more, "");
        let error = Server::bind(&configuration).await.err().expect(expected);
        let place = folder.path().display().to_string();
        assert!(matches!(error, Error::Tls(_)));
        let error = error.to_string().replace(&place, "FOLDER");
        assert!(error.starts_with(expected), "{error}");
        assert!(!folder.path().join("data").exists());
    }
}

/// A configuration with a certificate in this folder, which `FOLDER` stands for.
fn configuration(folder: &TempDir, tls: &str, http: &str) -> Configuration {
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: FOLDER/data}}}}\n\
         http: {{addr: '127.0.0.1:0', tls: {{certificate: FOLDER/s.crt, {tls}}}, {http}}}\n"
    );
    let text = text.replace("FOLDER", &folder.path().display().to_string());
    Configuration::load(&text, "c.yml", []).expect("valid").configuration
}

fn write_pair(folder: &TempDir) -> CertificateDer<'static> {
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("signed");
    fs::write(folder.path().join("s.crt"), certificate.pem()).expect("written");
    fs::write(folder.path().join("s.key"), key.serialize_pem()).expect("written");
    certificate.der().clone()
}

fn location(response: &Response<Incoming>) -> String {
    response.headers()["location"].to_str().expect("text").to_owned()
}

async fn body(response: Response<Incoming>) -> Bytes {
    assert_eq!(response.status(), 200);
    let collected = timeout(PATIENCE, response.into_body().collect()).await;
    collected.expect("in time").expect("whole").to_bytes()
}

// === impl Site ===

impl Site {
    async fn start(tls: &str, http: &str) -> Self {
        Self::over(Arc::new(tempfile::tempdir().expect("a folder")), tls, http).await
    }

    async fn over(folder: Arc<TempDir>, tls: &str, http: &str) -> Self {
        let certificate = write_pair(&folder);
        let tls = format!("key: FOLDER/s.key, {tls}");
        let server = Server::bind(&configuration(&folder, &tls, http)).await.expect("bound");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { folder, certificate, address, _stop: stop, running }
    }

    async fn connect(
        &self,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.address).await?;
        self.secure(tcp, protocols, versions).await
    }

    async fn secure(
        &self,
        tcp: TcpStream,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = "localhost".try_into().expect("a name");
        let connect = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        timeout(PATIENCE, connect).await.expect("in time")
    }
}

// === impl Sender ===

impl Sender {
    async fn connect(site: &Site, protocol: &str) -> Self {
        let stream = site.connect(&[protocol], &[&TLS13, &TLS12]).await.expect("agreed");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        let stream = TokioIo::new(stream);
        if protocol == "h2" {
            let executor = TokioExecutor::new();
            let (sender, connection) = http2::handshake(executor, stream).await.expect("HTTP/2");
            tokio::spawn(connection);
            return Self::Http2(sender);
        }
        let (sender, connection) = http1::handshake(stream).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    async fn ask(
        &mut self,
        method: &str,
        url: &str,
        kind: &str,
        body: &[u8],
    ) -> Response<Incoming> {
        let body = Full::new(Bytes::copy_from_slice(body));
        let mut request = Request::builder().method(method).header("content-type", kind);
        let url: hyper::Uri = url.parse().expect("a URL");
        if let Self::Http1(_) = self {
            let authority = url.authority().expect("absolute").as_str();
            request = request.header("host", authority);
            request = request.uri(url.path_and_query().expect("absolute").as_str());
        } else {
            request = request.uri(url);
        }
        let request = request.body(body).expect("a request");
        let answer = async {
            match self {
                Self::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Self::Http2(sender) => sender.send_request(request).await,
            }
        };
        timeout(PATIENCE, answer).await.expect("in time").expect("an answer")
    }
}
