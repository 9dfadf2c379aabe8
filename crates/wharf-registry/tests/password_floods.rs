//! Wrong passwords at full speed, and those who have a right one meanwhile.

mod support;

use std::fs;

use support::{Registry, check, exchange};
use tokio::{net::TcpStream, task::JoinSet};

/// The hash of `secret`, at a cost that keeps a flood waiting.
const SECRET: &str = "$2b$09$0123456789abcdefghijkuiG3bzvCjVlvFyu08QUXp03xi5luTBh2";

/// `alice:secret`
const ALICE: &str = "Basic YWxpY2U6c2VjcmV0";

/// More than one address may have at a time.
const FLOOD: usize = 40;

/// A registry that believes proxies of this network.
async fn registry(proxies: &str) -> (Registry, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("htpasswd");
    fs::write(&users, format!("alice:{SECRET}\n")).expect("written");
    let auth = format!("auth: {{htpasswd: {{realm: R, path: '{}'}}}}", users.display());
    let http = format!("trustedproxies: [{proxies}]");
    (Registry::start_with(&auth, &http).await, folder)
}

/// Asks with the name that a proxy would give to the client.
async fn ask(registry: std::net::SocketAddr, client: &str, authorization: &str) -> String {
    let stream = TcpStream::connect(registry).await.expect("connected");
    let authorization = format!("{authorization}\r\nx-forwarded-for: {client}");
    exchange(stream, "GET /v2/", &authorization).await
}

/// Sends a flood, of which the clients are called so, until the first one is turned away.
async fn flood(registry: &Registry, client: impl Fn(usize) -> String) -> JoinSet<String> {
    let mut flood = JoinSet::new();
    for n in 0..FLOOD {
        let (address, client) = (registry.address, client(n));
        // `a:0`, `a:0000` and so on: no guess is remembered from the one before.
        let guess = format!("Basic YTow{}", "MDAw".repeat(n));
        flood.spawn(async move { ask(address, &client, &guess).await });
    }
    while let Some(answer) = flood.join_next().await {
        if answer.expect("an answer").starts_with("HTTP/1.1 429 ") {
            return flood;
        }
    }
    panic!("nobody is turned away");
}

#[tokio::test]
async fn one_client_of_a_proxy_does_not_keep_the_others_out() {
    let (registry, _folder) = registry("127.0.0.0/8").await;
    let flood = flood(&registry, |_| "192.0.2.1".to_owned()).await;
    check(&ask(registry.address, "192.0.2.2", ALICE).await, 200, "");
    drop(flood);
    registry.stop().await;
}

#[tokio::test]
async fn who_makes_up_a_name_does_not_escape_its_limit() {
    let (registry, _folder) = registry("203.0.113.0/24").await;
    drop(flood(&registry, |n| format!("192.0.2.{n}")).await);
    registry.stop().await;
}
