//! Access control from a configuration, over a real socket.

mod support;

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use support::{Registry, check, write};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::sleep,
};
use wharf_registry::auth::token::Signer;

/// The hash of `secret`, at the least cost.
const SECRET: &str = "$2y$04$0123456789abcdefghijkug0jfygDNbCc4YKM81lye0HjT.L3552O";

#[tokio::test]
async fn users_of_a_file_are_let_in_and_rules_say_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = write(folder.path(), "htpasswd", &format!("alice:{SECRET}\nbob:{SECRET}\n"));
    let rules = write(
        folder.path(),
        "rules",
        "allow anyone to pull in public\nallow alice to pull, push in public\n",
    );
    let open = Registry::start(&format!("auth: {{htpasswd: {{realm: R, path: '{users}'}}}}")).await;
    check(&open.ask("GET /v2/", "").await, 401, "www-authenticate: Basic realm=\"R\"\r\n");
    // alice:secret, bob:secret, alice:wrong
    let (alice, bob) = ("Basic YWxpY2U6c2VjcmV0", "Basic Ym9iOnNlY3JldA==");
    check(&open.ask("GET /v2/", alice).await, 200, "");
    check(&open.ask("GET /v2/", "Basic YWxpY2U6d3Jvbmc=").await, 401, "UNAUTHORIZED");
    check(&open.ask("POST /v2/any/blobs/uploads/", bob).await, 202, "");
    check(&open.ask("POST /v2/any/blobs/uploads/", "").await, 401, "UNAUTHORIZED");
    open.stop().await;

    let ruled = format!("auth: {{htpasswd: {{path: '{users}'}}, rules: '{rules}'}}");
    let ruled = Registry::start(&ruled).await;
    check(&ruled.ask("GET /v2/public/tags/list", "").await, 404, "NAME_UNKNOWN");
    check(&ruled.ask("POST /v2/public/blobs/uploads/", "").await, 401, "UNAUTHORIZED");
    check(&ruled.ask("POST /v2/public/blobs/uploads/", bob).await, 403, "DENIED");
    check(&ruled.ask("POST /v2/public/blobs/uploads/", alice).await, 202, "");
    check(&ruled.ask("GET /v2/_catalog", alice).await, 403, "DENIED");
    ruled.stop().await;
}

#[tokio::test]
async fn tokens_are_given_out_beside_the_api() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = write(folder.path(), "htpasswd", &format!("alice:{SECRET}\n"));
    let rules = write(
        folder.path(),
        "rules",
        "allow anyone to pull in public\nallow alice to pull, push in public\n",
    );
    let registry = Registry::start(&format!(
        "auth: {{htpasswd: {{path: '{users}'}}, issuer: {{service: s}}, rules: '{rules}'}}"
    ))
    .await;
    let challenge =
        "www-authenticate: Bearer realm=\"http://registry.example:5000/token\",service=\"s\"";
    check(&registry.ask("GET /v2/", "").await, 401, challenge);
    let alice = "Basic YWxpY2U6c2VjcmV0";
    let scope = "service=s&scope=repository:public:pull,push";
    let token = async |authorization| {
        let answer = registry.ask(&format!("GET /token?{scope}"), authorization).await;
        check(&answer, 200, "content-type: application/json\r\n");
        let (_, rest) = answer.split_once("\"token\":\"").expect("a token");
        format!("Bearer {}", rest.split('"').next().expect("its end"))
    };
    let (mine, nobodys) = (token(alice).await, token("").await);
    check(&registry.ask("GET /v2/", &mine).await, 200, "");
    check(&registry.ask("POST /v2/public/blobs/uploads/", &mine).await, 202, "");
    check(&registry.ask("GET /v2/public/tags/list", &nobodys).await, 404, "NAME_UNKNOWN");
    let denied = registry.ask("POST /v2/public/blobs/uploads/", &nobodys).await;
    check(&denied, 401, "error=\"insufficient_scope\"");
    check(
        &registry.ask("GET /token", "Basic YWxpY2U6d3Jvbmc=").await,
        401,
        "www-authenticate: Basic",
    );
    check(&registry.ask("POST /token", "").await, 400, "a form is expected");
    check(&registry.ask("GET /v2/", alice).await, 200, "");
    registry.stop().await;
}

/// The desk stands behind the same door as the API.
#[tokio::test]
async fn no_tokens_are_given_out_while_something_is_not_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = write(folder.path(), "htpasswd", &format!("alice:{SECRET}\n"));
    let down = folder.path().join("down");
    let registry = Registry::start(&format!(
        "auth: {{htpasswd: {{path: '{users}'}}, issuer: {{service: s}}}}\n\
         health: {{file: [{{file: '{}', interval: 20ms}}]}}",
        down.display()
    ))
    .await;
    check(&registry.ask("GET /token?service=s", "").await, 200, "");
    fs::write(&down, "").expect("a file");
    let begun = Instant::now();
    while !registry.ask("GET /token?service=s", "").await.starts_with("HTTP/1.1 503 ") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the desk is still open");
        sleep(Duration::from_millis(20)).await;
    }
    check(&registry.ask("GET /v2/", "").await, 503, "UNAVAILABLE");
    registry.stop().await;
}

/// Publishes a JWK set, and nothing else.
async fn publish(keys: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let length = keys.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{keys}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn tokens_are_checked_with_keys_that_are_published() {
    let signer = Signer::new(&Signer::generate().expect("a key")).expect("a key");
    let published = publish(format!("{{\"keys\": [{}]}}", signer.jwk())).await;
    let registry = Registry::start(&format!(
        "auth: {{token: {{autoredirect: true, issuer: i, service: s, jwksurl: 'http://{published}/keys'}}}}"
    ))
    .await;
    let challenge = registry.ask("GET /v2/a/b/tags/list", "").await;
    check(
        &challenge,
        401,
        "www-authenticate: Bearer realm=\"http://registry.example:5000/auth/token\",service=\"s\",\
         scope=\"repository:a/b:pull\"\r\n",
    );
    let token = |actions: &str| {
        let claims = format!(
            r#"{{"iss": "i", "aud": "s", "sub": "alice", "exp": 32503680000, "access":
                [{{"type": "repository", "name": "a/b", "actions": {actions}}}]}}"#
        );
        let claims = claims.parse().expect("JSON");
        format!("Bearer {}", signer.sign(&claims).expect("signed"))
    };
    check(&registry.ask("GET /v2/a/b/tags/list", &token(r#"["pull"]"#)).await, 404, "NAME_UNKNOWN");
    let push = registry.ask("POST /v2/a/b/blobs/uploads/", &token(r#"["pull"]"#)).await;
    check(&push, 401, "scope=\"repository:a/b:pull,push\",error=\"insufficient_scope\"");
    check(&registry.ask("POST /v2/a/b/blobs/uploads/", &token(r#"["*"]"#)).await, 202, "");
    check(&registry.ask("GET /v2/", "Bearer x").await, 401, "error=\"invalid_token\"");
    registry.stop().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_one_sentence_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing").display().to_string();
    let broken = write(folder.path(), "broken", "nonsense");
    let users = write(folder.path(), "htpasswd", "");
    let token = |keys: &str| {
        format!("auth: {{token: {{realm: 'http://a', issuer: i, service: s, {keys}}}}}")
    };
    for (auth, expected) in [
        (format!("auth: {{htpasswd: {{path: '{missing}'}}}}"), "missing does not exist: make it"),
        (format!("auth: {{htpasswd: {{path: '{broken}'}}}}"), "broken:1: expected USER:HASH"),
        (format!("auth: {{htpasswd: {{path: '{users}'}}, rules: '{broken}'}}"), "auth.rules: "),
        (token(&format!("rootcertbundle: '{broken}'")), "broken: there is no certificate in it"),
        (token(&format!("jwks: '{broken}'")), "broken: it is no JWK set"),
        (token(&format!("jwks: '{missing}'")), "auth.token: cannot read "),
        (token("jwksurl: 'http://['"), "auth.token.jwksurl: http://[: "),
    ] {
        let error = Registry::bind(&auth, "").await.err().expect("an error");
        assert!(error.contains(expected) && error.starts_with("auth."), "{auth}: {error}");
    }
}

/// zot 2.1.16: the body of a request for a key could be of any size.
#[tokio::test]
async fn zot_2_1_16_the_body_of_a_login_has_a_largest_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = write(folder.path(), "htpasswd", &format!("alice:{SECRET}\n"));
    let auth = format!("auth: {{htpasswd: {{path: '{users}'}}, issuer: {{service: s}}}}");
    let registry = Registry::start(&auth).await;
    let head = "POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                content-type: application/x-www-form-urlencoded\r\n";
    let form = format!("grant_type=password&password={}", "x".repeat(70_000));
    let sized = format!("{head}content-length: {}\r\n\r\n{form}", form.len());
    check(&support::send(registry.address, &sized).await, 400, "SIZE_INVALID");
    let (length, end) = (form.len(), "0\r\n\r\n");
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{form}\r\n{end}");
    check(&support::send(registry.address, &chunked).await, 400, "SIZE_INVALID");
    registry.stop().await;
}
