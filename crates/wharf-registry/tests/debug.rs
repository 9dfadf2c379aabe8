//! Pages of numbers and health, and what happens while something is not well.

mod support;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::sleep,
};
use wharf_registry::{Server, config::Configuration};

use support::send;

const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    api: SocketAddr,
    debug: SocketAddr,
    folder: tempfile::TempDir,
}

async fn start(prometheus: &str, health: &str) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "version: 0.1\n\
         storage: {{filesystem: {{rootdirectory: '{}'}}, cache: {{blobdescriptor: inmemory}}}}\n\
         http: {{addr: '127.0.0.1:0', debug: {{addr: '127.0.0.1:0', prometheus: {prometheus}}}}}\n\
         health: {}\n",
        folder.path().join("data").display(),
        health.replace("FOLDER", &folder.path().display().to_string())
    );
    let loaded = Configuration::load(&text, "c.yml", []).expect("valid");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let server = Server::bind(&loaded.configuration).await.expect("bound");
    let (api, debug) = (server.local_addr(), server.debug_addr().expect("configured"));
    tokio::spawn(server.run(std::future::pending()));
    Running { api, debug, folder }
}

async fn get(address: SocketAddr, path: &str) -> String {
    send(address, &format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")).await
}

/// Asks until the answer has this status.
async fn wait(address: SocketAddr, path: &str, status: &str) -> String {
    let begun = Instant::now();
    loop {
        let answer = get(address, path).await;
        if answer.starts_with(&format!("HTTP/1.1 {status} ")) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_done_is_counted() {
    let running = start("{enabled: true, path: /numbers}", "{}").await;
    assert!(get(running.api, "/v2/").await.starts_with("HTTP/1.1 200 "));
    assert!(get(running.api, "/v2/a/manifests/none").await.starts_with("HTTP/1.1 404 "));
    let push = "POST /v2/a/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c\
                1fa7425e73043362938b9824 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\
                content-length: 5\r\n\r\nhello";
    let pushed = send(running.api, push).await;
    assert!(pushed.starts_with("HTTP/1.1 201 "), "{pushed}");
    let begun = Instant::now();
    loop {
        let page = get(running.debug, "/numbers").await;
        let wanted = [
            "\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n",
            "\nregistry_http_requests_total{handler=\"base\",method=\"get\",code=\"200\"} 1\n",
            "\nregistry_http_requests_total{handler=\"manifest\",method=\"get\",code=\"404\"} 1\n",
            "\nregistry_http_requests_total{handler=\"blob_upload\",method=\"post\",code=\"201\"} 1\n",
            "\nwharf_http_received_bytes_total{handler=\"blob_upload\"} 5\n",
            "\nregistry_http_in_flight_requests{handler=\"blob_upload\"} 0\n",
            "\nregistry_storage_action_seconds_count{driver=\"filesystem\",action=\"PutContent\"} ",
            "\nregistry_storage_cache_requests_total ",
            "\nwharf_uploads_in_progress 0\n",
        ];
        let Some(missing) = wanted.iter().find(|line| !page.contains(**line)) else { break };
        // The last byte of an answer is counted when it has gone, which its reader may be ahead of.
        assert!(begun.elapsed() < PATIENCE, "{missing} in {page}");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(get(running.debug, "/metrics").await.starts_with("HTTP/1.1 404 "));
    assert!(get(running.debug, "/debug/vars").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn numbers_are_there_only_if_asked_for() {
    let running = start("{enabled: false}", "{storagedriver: {enabled: true}}").await;
    assert!(get(running.debug, "/metrics").await.starts_with("HTTP/1.1 404 "));
    let health = get(running.debug, "/debug/health").await;
    assert!(health.starts_with("HTTP/1.1 200 ") && health.ends_with("\r\n\r\n{}"), "{health}");
    let post = "POST /debug/health HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    assert!(send(running.debug, post).await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn while_a_check_fails_nothing_is_served() {
    let running = start("{}", "{file: [{file: FOLDER/down, interval: 20ms}]}").await;
    assert!(get(running.api, "/v2/").await.starts_with("HTTP/1.1 200 "));
    let down = running.folder.path().join("down");
    std::fs::write(&down, "").expect("written");
    for path in ["/v2/", "/", "/v2/a/tags/list", "/nothing"] {
        let answer = wait(running.api, path, "503").await;
        assert!(answer.contains("\"code\":\"UNAVAILABLE\""), "{answer}");
        assert!(answer.contains("health check failed: please see /debug/health"), "{answer}");
    }
    let page = wait(running.debug, "/debug/health", "503").await;
    assert!(page.ends_with(&format!("{{\"{}\":\"file exists\"}}", down.display())), "{page}");
    std::fs::remove_file(&down).expect("removed");
    wait(running.api, "/v2/", "200").await;
    wait(running.debug, "/debug/health", "200").await;
}

#[tokio::test]
async fn the_first_look_is_at_once() {
    let running = start("{}", "{file: [{file: FOLDER, interval: 24h}]}").await;
    wait(running.debug, "/debug/health", "503").await;
}

#[tokio::test]
async fn it_can_go_on_serving() {
    let health = "{serve: true, file: [{file: FOLDER/down, interval: 20ms}]}";
    let running = start("{}", health).await;
    std::fs::write(running.folder.path().join("down"), "").expect("written");
    wait(running.debug, "/debug/health", "503").await;
    assert!(get(running.api, "/v2/").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn other_servers_are_checked() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = server.local_addr().expect("bound");
    // Answers whatever it is asked, until it is gone.
    let answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap_or(0);
            if request[..read].starts_with(b"HEAD ") {
                stream
                    .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                    .await
                    .ok();
            }
        }
    });
    let health = format!(
        "{{tcp: [{{addr: '{address}', timeout: 10s, interval: 20ms, threshold: 2}}], http: [{{uri: \
         'http://{address}/', statuscode: 204, headers: {{X-A: [b]}}, interval: 20ms}}]}}"
    );
    let running = start("{}", &health).await;
    sleep(Duration::from_millis(200)).await;
    let page = get(running.debug, "/debug/health").await;
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    answering.abort();
    let page = wait(running.debug, "/debug/health", "503").await;
    assert!(page.contains(&address.to_string()), "{page}");
}
