//! A server from a configuration, over a real socket.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    time::timeout,
};
use wharf_registry::{
    Error, NamespaceBuilder, Server,
    config::Configuration,
    driver::{Driver, MemoryDriver, StoragePath},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn configuration(lines: &str) -> Configuration {
    let text = format!("version: 0.1\n{lines}\n");
    Configuration::load(&text, "c.yml", []).expect("valid").configuration
}

fn filesystem(root: &Path, more: &str) -> Configuration {
    configuration(&format!(
        "storage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp: {{addr: '127.0.0.1:0', {more}}}",
        root.display()
    ))
}

async fn request(address: SocketAddr, head: &str) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("{head} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    timeout(PATIENCE, exchange).await.expect("in time").expect("an answer")
}

/// Answers these requests in a server that is then told to end.
async fn answers(server: Server, heads: &[&str]) -> Vec<String> {
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    let mut answers = Vec::new();
    for head in heads {
        answers.push(request(address, head).await);
    }
    stop.send(()).expect("it runs");
    timeout(PATIENCE, running).await.expect("in time").expect("no panic").expect("no error");
    assert!(TcpStream::connect(address).await.is_err(), "it still listens");
    answers
}

#[tokio::test]
async fn what_is_configured_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = "prefix: /p, headers: {X-One: [a]}, secret: s";
    let server = Server::bind(&filesystem(folder.path(), more)).await.expect("bound");
    let answers = answers(server, &["GET /p/v2/", "GET /v2/", "DELETE /p/v2/a/manifests/t"]).await;
    assert!(answers[0].starts_with("HTTP/1.1 200 "), "{}", answers[0]);
    assert!(answers[0].to_lowercase().contains("x-one: a\r\n"), "{}", answers[0]);
    assert!(answers[1].starts_with("HTTP/1.1 404 "), "{}", answers[1]);
    assert!(answers[2].starts_with("HTTP/1.1 405 "), "{}", answers[2]);
    assert!(answers[2].contains("UNSUPPORTED"), "{}", answers[2]);
    assert!(!folder.path().join("docker/registry/wharf/upload-key").exists());
}

#[tokio::test]
async fn the_upload_key_is_made_once_unless_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("docker/registry/wharf/upload-key");
    let mut configuration = filesystem(folder.path(), "");
    configuration.storage.read_only = true;
    Server::bind(&configuration).await.expect("bound");
    assert!(!key.exists());

    configuration.storage.read_only = false;
    Server::bind(&configuration).await.expect("bound");
    let made = std::fs::read(&key).expect("a key");
    assert_eq!(made.len(), 32);
    let mode = std::fs::metadata(&key).expect("a key").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    Server::bind(&configuration).await.expect("bound");
    assert_eq!(std::fs::read(&key).expect("a key"), made);
}

#[tokio::test]
async fn parts_can_be_brought_along() {
    let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::new());
    let namespace = NamespaceBuilder::new(Arc::clone(&driver)).delete(true).build();
    let configuration = configuration("storage: inmemory\nhttp: {addr: '127.0.0.1:0'}");
    let builder = Server::builder(&configuration).driver(Arc::clone(&driver)).namespace(namespace);
    let server = builder.bind().await.expect("bound");
    let key = StoragePath::parse("docker/registry/wharf/upload-key").expect("valid");
    assert!(driver.get(&key, 100).await.is_ok());
    let answers = answers(server, &["GET /v2/_catalog", "POST /v2/a/blobs/uploads/"]).await;
    assert!(answers[0].starts_with("HTTP/1.1 200 "), "{}", answers[0]);
    assert!(answers[1].starts_with("HTTP/1.1 202 "), "{}", answers[1]);
}

#[tokio::test]
async fn what_cannot_be_opened_or_bound_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let failure = Server::bind(&filesystem(&file, "")).await.err().expect("no folder");
    assert!(matches!(&failure, Error::Store { place, .. } if *place == file.display().to_string()));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut configuration = filesystem(&folder.path().join("fresh"), "");
    configuration.http.address.port = taken.local_addr().expect("bound").port();
    let failure = Server::bind(&configuration).await.err().expect("taken");
    assert!(matches!(failure, Error::Listen { .. }), "{failure}");
}

#[tokio::test]
async fn middleware_sends_clients_elsewhere() {
    let driver: Arc<dyn Driver> = Arc::new(MemoryDriver::new());
    let configuration = configuration(
        "storage: inmemory\nhttp: {addr: '127.0.0.1:0'}\nmiddleware:\n  storage:\n  \
         - {name: redirect, options: {baseurl: 'http://cdn'}}\n  \
         - {name: rewrite, options: {scheme: https}}\n  \
         - {name: rewrite, disabled: true, options: {host: nowhere}}",
    );
    let server = Server::builder(&configuration).driver(driver).bind().await.expect("bound");
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let push = format!("POST /v2/a/blobs/uploads/?digest={empty}");
    let pull = format!("GET /v2/a/blobs/{empty}");
    let answers = answers(server, &[&push, &pull]).await;
    assert!(answers[0].starts_with("HTTP/1.1 201 "), "{}", answers[0]);
    assert!(answers[1].starts_with("HTTP/1.1 307 "), "{}", answers[1]);
    let place = "location: https://cdn/docker/registry/v2/blobs/sha256/e3/e3b0";
    assert!(answers[1].to_lowercase().contains(place), "{}", answers[1]);
    assert!(answers[1].to_lowercase().contains(&format!("docker-content-digest: {empty}")));
}
