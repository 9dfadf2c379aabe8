//! Tokens that are given out here: to whom, for what, and for how long.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![cfg(feature = "issuer")]

mod support;

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, Response};
use serde_json::Value;
use support::{basic, bearer, get, request};
use tempfile::TempDir;
use wharf_auth::{
    Denial, Desk, Gate, Htpasswd, Limits, Policy, Visit,
    issuer::{Drawer, Issuer, NewRobot, Options, Robots},
};
use wharf_driver::{Driver, ListRequest, MemoryDriver, StoragePath};

/// A registry's access control, with a desk.
struct Registry {
    desk: Issuer,
    gate: Gate,
    robots: Arc<Robots>,
}

const RULES: &str = "\
allow anyone to pull in public/**
allow authenticated to pull in **
allow alice, ci to pull, push in team/**
";

fn folder(name: &str) -> StoragePath {
    StoragePath::parse(&format!("ours/{name}")).unwrap()
}

fn users(folder: &Path, users: &[(&str, &str)]) {
    let line = |(user, password): &(&str, &str)| {
        let hash = bcrypt::hash_with_salt(password, 4, *b"0123456789abcdef").unwrap();
        format!("{user}:{hash}\n")
    };
    fs::write(folder.join("users"), users.iter().map(line).collect::<String>()).unwrap();
    // It is looked at once in ten milliseconds.
    std::thread::sleep(Duration::from_millis(20));
}

/// Another one for the same users and store is a replica.
async fn registry(files: &Path, driver: &Arc<MemoryDriver>, options: Options) -> Registry {
    let users = Arc::new(Htpasswd::open(&files.join("users"), Limits::default()).unwrap());
    fs::write(files.join("rules"), RULES).unwrap();
    let policy = Arc::new(Policy::rules(&files.join("rules")).unwrap());
    let driver: Arc<dyn Driver> = Arc::clone(driver) as _;
    let robots = Drawer::new(Arc::clone(&driver), folder("tokens"));
    let robots = Arc::new(Robots::open(robots, Some(Arc::clone(&users))).await.unwrap());
    let keys = Drawer::new(driver, folder("keys"));
    let desk = Issuer::new(options, Arc::clone(&users), Arc::clone(&policy), keys);
    let desk = desk.with(Arc::clone(&robots) as _);
    let gate = Gate::new(desk.challenge(), policy)
        .with(Arc::new(desk.issued(Some(Arc::clone(&robots)))))
        .with(Arc::clone(&robots) as _)
        .with(users);
    Registry { desk, gate, robots }
}

async fn fresh() -> (TempDir, Arc<MemoryDriver>, Registry) {
    let files = tempfile::tempdir().unwrap();
    users(files.path(), &[("alice", "secret"), ("bob", "secret")]);
    let driver = Arc::new(MemoryDriver::new());
    let registry = registry(files.path(), &driver, Options::default()).await;
    (files, driver, registry)
}

impl Registry {
    async fn visit(&self, method: Method, query: &str, auth: &str, body: &str) -> Response<String> {
        let mut headers = HeaderMap::new();
        if !auth.is_empty() {
            headers.insert("authorization", auth.parse().unwrap());
        }
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        headers.insert("content-type", form.parse().unwrap());
        let visit = Visit {
            method: &method,
            query,
            headers: &headers,
            body: body.as_bytes(),
            remote: ([192, 0, 2, 1], 1234).into(),
            client: Some([192, 0, 2, 1].into()),
            request_id: "r1",
            certificate: None,
        };
        self.desk.answer(visit).await
    }

    async fn ask(&self, query: &str, auth: &str) -> Value {
        let answer = self.visit(Method::GET, query, auth, "").await;
        assert_eq!(answer.status(), 200, "{}", answer.body());
        assert_eq!(answer.headers()["cache-control"], "no-store");
        serde_json::from_str(answer.body()).unwrap()
    }

    async fn post(&self, form: &str) -> (u16, Value) {
        let answer = self.visit(Method::POST, "", "", form).await;
        (answer.status().as_u16(), serde_json::from_str(answer.body()).unwrap())
    }

    async fn may(&self, method: &str, url: &str, token: &Value) -> Result<(), Denial> {
        let token = bearer(token["token"].as_str().unwrap());
        request(&self.gate, method, url, &token).await.map(drop)
    }
}

fn claims(token: &Value) -> Value {
    let payload = token["token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

const PUSH: &str = "/v2/team/a/blobs/uploads/";

#[tokio::test]
async fn a_user_gets_a_token_for_what_the_rules_allow() {
    let (_files, _, registry) = fresh().await;
    let Denial::Unauthorized { challenges, .. } =
        get(&registry.gate, "/v2/team/a/tags/list", "").await.err().unwrap()
    else {
        panic!("nobody may");
    };
    assert_eq!(
        challenges,
        [
            r#"Bearer realm="https://registry.example/token",service="wharf",scope="repository:team/a:pull""#
        ]
    );
    let query = "service=wharf&scope=repository:team/a:pull,push,delete+repository%3Aother%3Apull%2Cpush\
                 &scope=registry:catalog:*&account=alice&client_id=docker";
    let alice = registry.ask(query, &basic("alice", "secret")).await;
    assert_eq!(alice["scope"], "repository:team/a:pull,push repository:other:pull");
    assert_eq!((&alice["expires_in"], &alice["token"]), (&300.into(), &alice["access_token"]));
    assert!(alice.get("refresh_token").is_none());
    assert!(registry.may("POST", PUSH, &alice).await.is_ok());
    assert!(registry.may("GET", "/v2/", &alice).await.is_ok());
    // What was not asked for is not in it, whatever the rules say.
    let Err(Denial::Unauthorized { challenges, .. }) =
        registry.may("GET", "/v2/team/b/tags/list", &alice).await
    else {
        panic!("the token is not for that");
    };
    assert!(challenges[0].to_str().unwrap().ends_with(r#"error="insufficient_scope""#));
    let bob = registry.ask(query, &basic("bob", "secret")).await;
    assert_eq!(bob["scope"], "repository:team/a:pull repository:other:pull");
    let denied = registry.may("POST", PUSH, &bob).await;
    assert!(matches!(denied, Err(Denial::Denied { .. })), "{denied:?}");
    // A password is still good by itself.
    assert!(request(&registry.gate, "POST", PUSH, &basic("alice", "secret")).await.is_ok());
}

#[tokio::test]
async fn anonymous_callers_get_what_anyone_may() {
    let (_files, _, registry) = fresh().await;
    let scope = "scope=repository:public/a:pull,push&scope=repository:team/a:pull";
    let token = registry.ask(scope, "").await;
    assert_eq!(token["scope"], "repository:public/a:pull");
    assert_eq!(claims(&token)["sub"], "");
    assert!(registry.may("GET", "/v2/", &token).await.is_ok());
    assert!(registry.may("GET", "/v2/public/a/tags/list", &token).await.is_ok());
    let denied = registry.may("GET", "/v2/team/a/tags/list", &token).await;
    assert!(matches!(denied, Err(Denial::Unauthorized { .. })), "they could log in: {denied:?}");
}

#[tokio::test]
async fn wrong_passwords_and_requests_are_told() {
    let (_files, _, registry) = fresh().await;
    let wrong = registry.visit(Method::GET, "service=wharf", &basic("alice", "no"), "").await;
    assert_eq!(wrong.status(), 401);
    assert_eq!(wrong.headers()["www-authenticate"], "Basic realm=\"wharf\"");
    assert!(wrong.body().contains("UNAUTHORIZED") && !wrong.body().contains("alice"));
    for query in ["service=other", "scope=x", "scope=%zz%ff"] {
        let answer = registry.visit(Method::GET, query, &basic("alice", "secret"), "").await;
        assert_eq!(answer.status(), 400, "{query}");
    }
    let put = registry.visit(Method::PUT, "", "", "").await;
    assert_eq!(
        (put.status().as_u16(), &put.headers()["allow"]),
        (405, &"GET, POST".parse().unwrap())
    );
    for (form, error) in [
        ("", "unsupported_grant_type"),
        ("grant_type=client_credentials", "unsupported_grant_type"),
        ("grant_type=password&username=alice", "invalid_request"),
        ("grant_type=password&username=alice&password=no", "invalid_grant"),
        ("grant_type=refresh_token&refresh_token=x", "invalid_grant"),
        ("grant_type=refresh_token&refresh_token=a.b.c", "invalid_grant"),
    ] {
        assert_eq!(registry.post(form).await.1["error"], error, "{form}");
    }
    // A token is no password.
    let token = registry.ask("", &basic("alice", "secret")).await;
    let again = bearer(token["token"].as_str().unwrap());
    assert_eq!(registry.visit(Method::GET, "", &again, "").await.status(), 401);
}

#[tokio::test]
async fn a_session_gets_tokens_until_the_password_changes() {
    let (files, driver, registry) = fresh().await;
    let login = "offline_token=true&service=wharf";
    let token = registry.ask(login, &basic("alice", "secret")).await;
    let session = token["refresh_token"].as_str().unwrap();
    let form = format!(
        "grant_type=refresh_token&service=wharf&client_id=docker&refresh_token={session}\
         &scope=repository%3Ateam%2Fa%3Apull%2Cpush"
    );
    let (status, access) = registry.post(&form).await;
    assert_eq!((status, access["refresh_token"].as_str()), (200, Some(session)));
    assert!(registry.may("POST", PUSH, &access).await.is_ok());
    let (status, by_password) = registry
        .post("grant_type=password&username=alice&password=secret&access_type=offline&scope=repository:team/a:pull")
        .await;
    assert!(status == 200 && by_password["refresh_token"].is_string());
    // Neither is taken for the other.
    let mixed = form.replace(session, access["token"].as_str().unwrap());
    assert_eq!(registry.post(&mixed).await.0, 401);
    let as_access = registry.may("GET", "/v2/", &serde_json::json!({"token": session})).await;
    assert!(matches!(as_access, Err(Denial::Unauthorized { .. })));
    // A replica knows the keys.
    let replica = self::registry(files.path(), &driver, Options::default()).await;
    assert_eq!(replica.post(&form).await.0, 200);
    assert!(replica.may("POST", PUSH, &access).await.is_ok());

    users(files.path(), &[("alice", "changed"), ("bob", "secret")]);
    let ended = async || {
        let refused = registry.post(&form).await.0 == 401;
        refused && registry.may("POST", PUSH, &access).await.is_err()
    };
    eventually(ended).await;
    // Somebody who is gone has no tokens either.
    let token = registry.ask(login, &basic("bob", "secret")).await;
    assert!(registry.may("GET", "/v2/", &token).await.is_ok());
    users(files.path(), &[("alice", "changed")]);
    eventually(async || registry.may("GET", "/v2/", &token).await.is_err()).await;
}

async fn eventually(done: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never happens");
}

#[tokio::test]
async fn keys_are_made_once_for_each_time_and_forgotten_after_it() {
    let (files, driver, _) = fresh().await;
    let rotation = Duration::from_secs(2);
    let short = Options {
        lifetime: Duration::from_secs(60),
        session: Duration::from_secs(60),
        rotation,
        ..Options::default()
    };
    let (one, other) = (
        registry(files.path(), &driver, short.clone()).await,
        registry(files.path(), &driver, short).await,
    );
    let alice = basic("alice", "secret");
    let first = one.ask("scope=repository:team/a:pull,push", &alice).await;
    let key = |token: &Value| {
        let header = token["token"].as_str().unwrap().split('.').next().unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        header["kid"].as_str().unwrap().to_owned()
    };
    let mut later = first.clone();
    while key(&later) == key(&first) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        later = other.ask("", &alice).await;
    }
    // The other one checks with the key that it did not make.
    assert!(other.may("POST", PUSH, &first).await.is_ok());
    assert!(one.may("GET", "/v2/", &later).await.is_ok());
    let listing =
        driver.list(&folder("keys"), ListRequest { after: None, limit: 10 }).await.unwrap();
    assert!(listing.entries.len() >= 2);
    // A key that could be anything is looked for nowhere.
    let forged = format!("{{\"alg\":\"ES256\",\"kid\":\"{}.x\"}}", u64::MAX);
    let forged = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(forged));
    assert!(one.may("GET", "/v2/", &serde_json::json!({"token": forged})).await.is_err());
}

#[tokio::test]
async fn a_robot_does_what_its_token_says_until_it_ends() {
    let (_files, _, registry) = fresh().await;
    let new = |name: &str, user, scope: &str, seconds| NewRobot {
        name: name.to_owned(),
        user,
        scopes: vec![scope.parse().unwrap()],
        lifetime: Duration::from_secs(seconds),
    };
    let now = SystemTime::now();
    let create = async |robot| registry.robots.create(robot, now).await.unwrap();
    let (robot, token) = create(new("ci", false, "repository:team/*:pull,push", 3600)).await;
    // As a bearer, as a password, and at the desk.
    for authorization in [bearer(&token), basic("whoever", &token)] {
        let granted = request(&registry.gate, "POST", PUSH, &authorization).await.unwrap();
        assert_eq!(&*granted.subject.unwrap().0, "ci");
        assert!(get(&registry.gate, "/v2/other/tags/list", &authorization).await.is_err());
    }
    let scope =
        "offline_token=true&scope=repository:team/a:pull,push,delete&scope=repository:other:pull";
    let given = registry.ask(scope, &basic("ci", &token)).await;
    assert_eq!(given["scope"], "repository:team/a:pull,push");
    assert!(given.get("refresh_token").is_none());
    assert!(registry.may("POST", PUSH, &given).await.is_ok());
    // Rules count besides: nobody but alice and ci pushes there.
    let (_, other) = create(new("other", false, "repository:**:pull,push", 3600)).await;
    assert!(request(&registry.gate, "POST", PUSH, &bearer(&other)).await.is_err());
    assert!(get(&registry.gate, "/v2/team/a/tags/list", &bearer(&other)).await.is_ok());
    let (_, mine) = create(new("alice", true, "repository:team/a:pull,push", 3600)).await;
    assert!(request(&registry.gate, "POST", PUSH, &bearer(&mine)).await.is_ok());
    let (_, nobodys) = create(new("nobody", true, "repository:**:pull", 3600)).await;
    assert!(get(&registry.gate, "/v2/team/a/tags/list", &bearer(&nobodys)).await.is_err());
    let (_, ended) = create(new("ci", false, "repository:**:pull", 0)).await;
    assert!(get(&registry.gate, "/v2/team/a/tags/list", &bearer(&ended)).await.is_err());

    for wrong in
        [token.replace(&robot.id, "0123456789abcdef"), format!("{token}A"), "wharf_x".into()]
    {
        assert!(get(&registry.gate, "/v2/team/a/tags/list", &bearer(&wrong)).await.is_err());
        assert!(get(&registry.gate, "/v2/team/a/tags/list", &basic("ci", &wrong)).await.is_err());
    }
    assert_eq!(registry.robots.list().await.unwrap().len(), 5);
    assert!(registry.robots.list().await.unwrap().contains(&robot));
    assert!(registry.robots.revoke(&robot.id).await.unwrap());
    assert!(!registry.robots.revoke(&robot.id).await.unwrap());
    assert!(!registry.robots.revoke("../key").await.unwrap());
    assert!(request(&registry.gate, "POST", PUSH, &bearer(&token)).await.is_err());
    // What it was given at the desk ends with it.
    assert!(registry.may("POST", PUSH, &given).await.is_err());
    for name in ["", "a b", "a,b", "a\"", "a\n", &"x".repeat(256)] {
        assert!(
            registry.robots.create(new(name, false, "repository:a:pull", 1), now).await.is_err()
        );
    }
    assert!(!format!("{:?}", registry.robots).contains(&token));
}
