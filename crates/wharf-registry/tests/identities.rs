//! Whom others answer for: a token server, an issuer of JWTs, an authority of certificates.

mod support;

use std::time::SystemTime;

use support::{Registry, authority::Authority, check, write};
use tokio::net::TcpStream;
use wharf_registry::auth::token::Signer;
use wharf_testkit::{
    double::{Double, Response},
    raw::Client,
    token_server::{NamesKey, Options, TokenServer},
};

/// The token that a server gives out.
fn token(server: &TokenServer, query: &str, authorization: &str) -> Option<String> {
    let mut client = Client::new(server.address());
    let headers = [("Authorization", authorization)];
    let headers = if authorization.is_empty() { &[][..] } else { &headers };
    let answer =
        client.request("GET", &format!("/token?{query}"), headers, b"").expect("an answer");
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    Some(format!("Bearer {}", body["token"].as_str()?))
}

#[tokio::test]
async fn a_token_server_of_its_own_is_trusted() {
    for names_key in [NamesKey::Certificate, NamesKey::Id] {
        let server = TokenServer::start(Options {
            service: "registry".to_owned(),
            issuer: "tokens.example".to_owned(),
            users: vec![("alice".to_owned(), "secret".to_owned())],
            names_key,
        })
        .expect("started");
        let folder = tempfile::tempdir().expect("a folder");
        let keys = match names_key {
            NamesKey::Certificate => {
                let file = write(folder.path(), "tokens.pem", server.certificate());
                format!("rootcertbundle: '{file}'")
            }
            NamesKey::Id => format!("jwksurl: '{}'", server.jwks_url()),
        };
        let realm = server.realm();
        let registry = Registry::start(&format!(
            "auth: {{token: {{realm: '{realm}', issuer: tokens.example, service: registry, {keys}}}}}"
        ))
        .await;
        let push = "POST /v2/alice/a/blobs/uploads/";
        let challenge = format!("www-authenticate: Bearer realm=\"{realm}\",service=\"registry\"");
        check(&registry.ask(push, "").await, 401, &challenge);
        let scope = "service=registry&scope=repository:alice/a:pull,push";
        let alice = token(&server, scope, "Basic YWxpY2U6c2VjcmV0").expect("a token");
        check(&registry.ask(push, &alice).await, 202, "");
        check(&registry.ask("GET /v2/bob/b/tags/list", &alice).await, 401, "insufficient_scope");
        let anybody = token(&server, "scope=repository:public/a:pull,push", "").expect("a token");
        check(&registry.ask("GET /v2/public/a/tags/list", &anybody).await, 404, "NAME_UNKNOWN");
        let refused = registry.ask("POST /v2/public/a/blobs/uploads/", &anybody).await;
        check(&refused, 401, "insufficient_scope");
        assert_eq!(token(&server, scope, "Basic YWxpY2U6d3Jvbmc="), None);
        registry.stop().await;
    }
}

#[tokio::test]
async fn an_issuer_is_found_by_discovery_and_rules_say_who_may() {
    let signer = Signer::new(&Signer::generate().expect("a key")).expect("a key");
    let keys = format!("{{\"keys\": [{}]}}", signer.jwk());
    let provider = Double::start(move |request| {
        let host = request.header("host").unwrap_or_default();
        match request.path.as_str() {
            "/o/.well-known/openid-configuration" => Response::of(200).body(format!(
                "{{\"issuer\": \"http://{host}/o\", \"jwks_uri\": \"http://{host}/keys\"}}"
            )),
            "/wrong/.well-known/openid-configuration" => Response::of(200).body(format!(
                "{{\"issuer\": \"http://{host}/o\", \"jwks_uri\": \"http://{host}/keys\"}}"
            )),
            "/keys" => Response::of(200).body(keys.clone()),
            _ => Response::of(404),
        }
    })
    .expect("a port");
    let base = format!("http://{}", provider.address());
    let folder = tempfile::tempdir().expect("a folder");
    let rules = write(folder.path(), "rules", "allow group:ci to pull, push in **\n");
    let registry = Registry::start(&format!(
        "auth: {{rules: '{rules}', oidc: [{{issuer: '{base}/o', audience: r, groups: teams}}, \
         {{issuer: '{base}/wrong', audience: r}}]}}"
    ))
    .await;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let token = |issuer: &str, teams: &str| {
        let claims = serde_json::json!({
            "iss": format!("{base}/{issuer}"), "aud": "r", "sub": "system:serviceaccount:a:b",
            "exp": since.as_secs() + 300, "teams": teams,
        });
        format!("Bearer {}", signer.sign(&claims).expect("signed"))
    };
    let push = "POST /v2/a/blobs/uploads/";
    check(&registry.ask(push, "").await, 401, "www-authenticate: Basic realm=\"Registry\"");
    check(&registry.ask(push, &token("o", "ci")).await, 202, "");
    check(&registry.ask(push, &token("o", "other")).await, 403, "DENIED");
    // A document about somebody else gives no keys.
    check(&registry.ask(push, &token("wrong", "ci")).await, 503, "UNAVAILABLE");
    check(&registry.ask(push, &token("unknown", "ci")).await, 401, "UNAUTHORIZED");
    registry.stop().await;
}

#[tokio::test]
async fn a_certificate_says_who_its_client_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let tls = authority.section(folder.path());
    let rules = write(folder.path(), "rules", "allow node1 to pull, push in **\n");
    let auth = format!("auth: {{certificates: commonname, rules: '{rules}'}}");
    let refused = Registry::bind(&auth, "").await.err().expect("nobody has one");
    assert!(refused.starts_with("auth.certificates: nobody is asked"), "{refused}");
    let registry = Registry::start_with(&auth, &tls).await;
    let connect = async |name: Option<&str>| {
        let stream = TcpStream::connect(registry.address).await.expect("connected");
        let server = "localhost".try_into().expect("a name");
        authority.connector(name).connect(server, stream).await.expect("agreed")
    };
    let push = "POST /v2/a/blobs/uploads/";
    for (name, status, contains) in
        [(Some("node1"), 202, ""), (Some("node2"), 403, "DENIED"), (None, 401, "UNAUTHORIZED")]
    {
        let answer = support::exchange(connect(name).await, push, "").await;
        check(&answer, status, contains);
    }
    registry.stop().await;
}
