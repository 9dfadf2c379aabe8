//! A server that tells a webhook what happens.

mod support;

use std::{net::SocketAddr, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{mpsc, oneshot},
    time::timeout,
};
use wharf_registry::{Server, config::Configuration};

use support::send;

const PATIENCE: Duration = Duration::from_secs(60);

const PUSH: &str = "POST /v2/a/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c\
                    1fa7425e73043362938b9824 HTTP/1.1\r\nhost: registry.example\r\n\
                    x-forwarded-proto: https\r\nx-forwarded-for: 203.0.113.7\r\nconnection: close\r\n\
                    content-length: 5\r\n\r\nhello";

/// A webhook that passes on what it is sent.
async fn hook() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            // The envelope ends with this, and nothing else in it does.
            while !request.ends_with(b"\n   ]\n}") {
                let mut piece = [0; 4096];
                match stream.read(&mut piece).await {
                    Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.ok();
            sender.send(String::from_utf8_lossy(&request).into_owned()).ok();
        }
    });
    (address, receiver)
}

fn configuration(folder: &Path, endpoints: &str) -> Configuration {
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
         http: {{addr: '127.0.0.1:0', debug: {{addr: '127.0.0.1:0', prometheus: {{enabled: true}}}}}}\n\
         notifications: {{endpoints: [{endpoints}]}}\n",
        folder.display()
    );
    Configuration::load(&text, "c.yml", []).expect("valid").configuration
}

async fn next(events: &mut mpsc::UnboundedReceiver<String>) -> String {
    timeout(PATIENCE, events.recv()).await.expect("in time").expect("an event")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_come_and_go_while_it_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let [(one, mut first), (other, mut second)] = [hook().await, hook().await];
    let server = Server::bind(&configuration(folder.path(), "")).await.expect("bound");
    let (api, debug) = (server.local_addr(), server.debug_addr().expect("configured"));
    let (control, (stop, stopped)) = (server.control(), oneshot::channel::<()>());
    let running = tokio::spawn(server.run(async move { drop(stopped.await) }));
    assert!(send(api, PUSH).await.starts_with("HTTP/1.1 201 "));
    assert!(!folder.path().join(".wharf/events").exists(), "nobody is told");

    let endpoint = format!("{{name: hook, url: 'http://{one}/x', headers: {{x-key: [k]}}}}");
    let wanted = configuration(folder.path(), &endpoint).notifications;
    control.set_notifications(&wanted).await.expect("configured");
    assert!(send(api, PUSH).await.starts_with("HTTP/1.1 201 "));
    let event = next(&mut first).await;
    for part in [
        "POST /x HTTP/1.1\r\n",
        "\r\nx-key: k\r\n",
        "\r\ncontent-type: application/vnd.docker.distribution.events.v2+json\r\n",
        "\"action\": \"push\"",
        "\"url\": \"https://registry.example/v2/a/blobs/sha256:2cf24dba",
        "\"addr\": \"203.0.113.7\"",
        "\"host\": \"registry.example\"",
        "\"method\": \"POST\"",
    ] {
        assert!(event.contains(part), "{part} in {event}");
    }
    let page = "GET /metrics HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let line = "\nregistry_notifications_status_total{code=\"202 Accepted\",endpoint=\"hook\"} 1\n";
    timeout(PATIENCE, async { while !send(debug, page).await.contains(line) {} })
        .await
        .expect(line);

    let moved = endpoint.replace(&one.to_string(), &other.to_string());
    let wanted = configuration(folder.path(), &moved).notifications;
    control.set_notifications(&wanted).await.expect("configured");
    assert!(send(api, PUSH).await.starts_with("HTTP/1.1 201 "));
    assert!(next(&mut second).await.contains("\"action\": \"push\""));
    let get = "HEAD /v2/a/blobs/sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e7304336293\
               8b9824 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    assert!(send(api, get).await.starts_with("HTTP/1.1 200 "));
    // What was told last is delivered before the end.
    stop.send(()).expect("it runs");
    timeout(PATIENCE, running).await.expect("in time").expect("no panic").expect("no error");
    assert!(second.try_recv().expect("delivered").contains("\"action\": \"pull\""));
    assert!(first.try_recv().is_err());
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = "{name: hook, url: 'http://h/', rootcas: [/nowhere/ca.pem]}";
    let error = Server::bind(&configuration(folder.path(), endpoint)).await.err().expect("refused");
    let error = error.to_string();
    assert!(
        error.contains("notifications.endpoints: \"hook\": ") && error.contains("ca.pem"),
        "{error}"
    );
}
