//! Every refusal in the log says which rule has decided.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use support::{Log, Server};
use wharf_auth::{
    Access, Authenticate, Challenge, Credentials, Gate, Identity, Policy, Presented, Rejection,
    Scope,
};
use wharf_driver::MemoryDriver;
use wharf_http::App;
use wharf_storage::StorageNamespace;

/// Knows everybody by the token that is their name, unless it is one of a few words.
struct Names;

/// Grants nothing.
struct Nothing;

#[async_trait]
impl Authenticate for Names {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        let Credentials::Bearer(token) = presented.credentials else { return None };
        let nothing = || Some(Arc::new(Nothing) as Arc<dyn Scope>);
        Some(match &**token {
            "wrong" => Err(Rejection::Invalid("wrong".into())),
            "unknown" => Err(Rejection::Unavailable("no file".into())),
            "busy" => Err(Rejection::Busy(Duration::from_secs(2))),
            "nobody" => Ok(Identity { scope: nothing(), ..Identity::default() }),
            "little" => Ok(Identity { scope: nothing(), ..Identity::named("alice") }),
            name => Ok(Identity::named(name)),
        })
    }
}

impl Scope for Nothing {
    fn contains(&self, _: &Access) -> bool {
        false
    }
}

#[tokio::test]
async fn every_refusal_in_the_log_says_which_rule_has_decided() {
    let (log, _guard) = Log::begin(tracing::Level::DEBUG);
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::write(&rules, "allow authenticated to pull in **\ndeny bob to pull in app\n").unwrap();
    let namespace =
        StorageNamespace::new(Arc::new(MemoryDriver::new()), wharf_storage::Options::default());
    let gate = Gate::new(Challenge::basic("r"), Policy::rules(&rules).unwrap());
    let gate = Arc::new(gate.with(Arc::new(Names)));
    let server = Server::serving(App::guarded(Arc::new(namespace), support::options(), gate)).await;
    let file = rules.display().to_string();
    let no_line = format!("no line of {file} allows it");
    for (token, method, status, rule) in [
        ("", "GET", 401, no_line.as_str()),
        ("nobody", "GET", 401, &no_line),
        ("wrong", "GET", 401, "the credentials, which prove nothing"),
        ("busy", "GET", 429, "the limit of checks of credentials"),
        ("unknown", "GET", 503, "nothing, as credentials cannot be checked now"),
        ("little", "GET", 401, "the access in the token"),
        ("bob", "GET", 403, &format!("{file}:2")),
        ("alice", "DELETE", 403, &no_line),
    ] {
        log.take();
        let header = format!("Authorization: Bearer {token}");
        let headers: &[&str] = if token.is_empty() { &[] } else { &[&header] };
        let answer = server.send(method, "/v2/app/manifests/v1", headers, b"").await;
        assert_eq!(answer.status, status, "{token}");
        let id = answer.header("x-request-id").unwrap_or_default().to_owned();
        let text = log.take();
        let told = |line: &&str| {
            line.contains(&format!("rule={rule}")) && line.contains("remote=127.0.0.1")
        };
        // One line for the log, and one for whoever keeps decisions.
        let lines: Vec<_> = text.lines().filter(told).collect();
        let of_the_log = lines.iter().filter(|line| !line.contains("wharf::audit")).count();
        assert_eq!((lines.len(), of_the_log), (2, 1), "{token:?} {id}: {text}");
    }
}
