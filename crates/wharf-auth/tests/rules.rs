//! Rules, as a gate applies them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{fs, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::HeaderValue;
use support::{basic, bearer, request};
use wharf_auth::{
    Access, Authenticate, Challenge, Credentials, Denial, Gate, Identity, Policy, Presented,
    Rejection, Scope,
};

/// A file is looked at once in ten milliseconds.
const A_MOMENT: Duration = Duration::from_millis(20);

const RULES: &str = "\
    allow anyone to pull in public/**
    allow alice to pull, push, delete in public/**
    allow authenticated to pull, push in **
    deny bob to push in **
    allow alice to list
";

/// Knows everybody by a user name; a token is one for `public/a`, to pull and push, of alice.
struct Names;

struct PublicA;

#[async_trait]
impl Authenticate for Names {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        match presented.credentials {
            Credentials::Basic { user, .. } => Some(Ok(Identity::named(&**user))),
            Credentials::Bearer(_) => {
                Some(Ok(Identity { scope: Some(Arc::new(PublicA)), ..Identity::named("alice") }))
            }
            _ => None,
        }
    }
}

impl Scope for PublicA {
    fn contains(&self, access: &Access) -> bool {
        access.name() == "public/a" && access.action() != "delete"
    }
}

fn gate(file: &Path) -> Gate {
    let policy = Policy::rules(file).unwrap();
    Gate::new(Challenge::basic("r"), policy).with(Arc::new(Names))
}

/// The status, and the rule that has decided for it.
async fn ask(gate: &Gate, who: &str, what: &str) -> (u16, String) {
    let authorization = match who {
        "" => String::new(),
        "token" => bearer("x"),
        name => basic(name, "x"),
    };
    let (method, url) = what.split_once(' ').unwrap();
    match request(gate, method, url, &authorization).await {
        Ok(grant) => (200, grant.rule.to_string()),
        Err(Denial::Unauthorized { challenges, .. }) => {
            assert_eq!(challenges, [HeaderValue::from_static("Basic realm=\"r\"")]);
            (401, String::new())
        }
        Err(Denial::Denied { detail }) => (403, detail.unwrap().to_string()),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn anybody_pulls_and_who_is_known_pushes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules");
    fs::write(&file, RULES).unwrap();
    let gate = gate(&file);
    let check = async |who: &str, what: &str, status: u16, rule: &str| {
        let (found, by) = ask(&gate, who, what).await;
        assert_eq!(found, status, "{who} {what}: {by}");
        assert!(by.ends_with(rule), "{who} {what}: {by}");
    };
    check("", "GET /v2/public/a/tags/list", 200, "rules:1").await;
    check("carol", "GET /v2/public/a/tags/list", 200, "rules:1").await;
    check("", "PUT /v2/public/a/manifests/v1", 401, "").await;
    check("bob", "PUT /v2/public/a/manifests/v1", 403, "").await;
    check("carol", "PUT /v2/public/a/manifests/v1", 200, "rules:3").await;
    check("alice", "PUT /v2/public/a/manifests/v1", 200, "rules:2").await;
    check("", "GET /v2/other/tags/list", 401, "").await;
    check("carol", "PUT /v2/other/manifests/v1", 200, "rules:3").await;
    check("bob", "PUT /v2/other/manifests/v1", 403, "").await;
    check("bob", "GET /v2/other/tags/list", 200, "rules:3").await;
    check("alice", "GET /v2/_catalog", 200, "rules:5").await;
    check("carol", "GET /v2/_catalog", 403, "").await;
    check("", "GET /v2/_catalog", 401, "").await;
    check("", "GET /v2/", 401, "").await;
    check("carol", "GET /v2/", 200, "").await;
    // Both the rules and the token have to allow it, but for what anyone may do.
    check("token", "PUT /v2/public/a/manifests/v1", 200, "rules:2").await;
    check("token", "GET /v2/public/b/tags/list", 200, "rules:1").await;
    check("token", "PUT /v2/public/b/manifests/v1", 401, "").await;
    check("token", "DELETE /v2/public/a/manifests/v1", 401, "").await;
}

#[tokio::test]
async fn a_refusal_may_be_that_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules");
    fs::write(&file, RULES).unwrap();
    let gate = gate(&file).forbids(false);
    assert_eq!(ask(&gate, "bob", "PUT /v2/other/manifests/v1").await.0, 401);
}

#[tokio::test]
async fn rules_change_at_once_and_broken_ones_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules");
    let replace = |text: &str| {
        let new = folder.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &file).unwrap();
        std::thread::sleep(A_MOMENT);
    };
    replace(RULES);
    let gate = gate(&file);
    let push = "PUT /v2/other/manifests/v1";
    assert_eq!(ask(&gate, "carol", push).await.0, 200);
    replace("allow authenticated to pull in **\n");
    assert_eq!(ask(&gate, "carol", push).await.0, 403);
    replace("allow carol to pull, push in **\n");
    assert_eq!(ask(&gate, "carol", push).await.0, 200);
    replace("allow carol to pull in **\nallow everybody to do everything\n");
    assert_eq!(ask(&gate, "carol", push).await.0, 200);
    fs::remove_file(&file).unwrap();
    std::thread::sleep(A_MOMENT);
    assert_eq!(ask(&gate, "carol", push).await.0, 200);
}

#[test]
fn rules_that_cannot_be_read_are_an_error_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules");
    assert!(Policy::rules(&file).unwrap_err().contains("cannot read"));
    fs::write(&file, "\nallow\n").unwrap();
    let error = Policy::rules(&file).unwrap_err();
    assert!(error.contains("rules:2: expected WHO to pull"), "{error}");
}
