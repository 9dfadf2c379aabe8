//! Identities that others answer for: issuers of JWTs, and authorities of certificates.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![cfg(feature = "token")]

mod support;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use serde_json::{Value, json};
use support::{basic, bearer, request, request_with};
use wharf_auth::{
    Authenticate as _, Certificates, Challenge, Credentials, Denial, Gate, NamedBy, Policy,
    Presented, Rejection,
    oidc::{Oidc, Options},
    token::{Algorithm, KeySource, Signer},
};

/// Publishes keys, and counts how often it is asked.
struct Provider {
    keys: Value,
    asked: AtomicUsize,
}

#[async_trait]
impl KeySource for Provider {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        self.asked.fetch_add(1, SeqCst);
        Ok(json!({ "keys": [self.keys] }).to_string().into_bytes())
    }
}

const ISSUER: &str = "https://token.example";

fn signer() -> Signer {
    Signer::new(&Signer::generate().unwrap()).unwrap()
}

fn provider(signer: &Signer) -> (Arc<Provider>, Options) {
    let provider = Arc::new(Provider { keys: signer.jwk(), asked: AtomicUsize::new(0) });
    let mut options = Options::new(ISSUER, vec!["registry".to_owned()]);
    options.token.key_source = Some(Arc::clone(&provider) as _);
    options.groups = Some("groups".to_owned());
    (provider, options)
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": ["sts", "registry"], "sub": "repo:octo/app:ref:refs/heads/main",
        "exp": seconds() + 300, "nbf": seconds() - 10, "groups": ["dev", "ops"], "actor": "alice",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

#[tokio::test]
async fn a_token_of_the_issuer_says_who_somebody_is() {
    let signer = signer();
    let (provider, options) = provider(&signer);
    let oidc = Oidc::open(options.clone()).unwrap();
    let now = SystemTime::now();
    let token = signer.sign(&claims(json!({}))).unwrap();
    for _ in 0..3 {
        let identity = oidc.verify(&token, now).await.unwrap().unwrap();
        assert_eq!(identity.name(), Some("repo:octo/app:ref:refs/heads/main"));
        let groups: Vec<&str> = identity.groups.iter().map(|group| &**group).collect();
        assert_eq!(groups, ["group:dev", "group:ops"]);
        assert!(identity.scope.is_none());
    }
    assert_eq!(provider.asked.load(SeqCst), 1, "keys are remembered");
    let later = now + Duration::from_secs(361);
    assert!(matches!(oidc.verify(&token, later).await, Some(Err(Rejection::Invalid(_)))));

    let named = Options { subject: "actor".into(), prefix: "gh/".into(), ..options.clone() };
    let identity = Oidc::open(named).unwrap().verify(&token, now).await.unwrap().unwrap();
    assert_eq!((identity.name(), &*identity.groups[0]), (Some("gh/alice"), "group:gh/dev"));

    // What is not of this issuer is for others to judge.
    for other in
        ["x", "a.b.c", &signer.sign(&claims(json!({"iss": "https://evil.example"}))).unwrap()]
    {
        assert!(oidc.verify(other, now).await.is_none(), "{other}");
    }
    for changes in [
        json!({"aud": "other"}),
        json!({"aud": null}),
        json!({"exp": seconds() - 61}),
        json!({"exp": null}),
        json!({"exp": "never"}),
        json!({"nbf": seconds() + 120}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"sub": "group:admins"}),
        json!({"sub": "a\nb"}),
        json!({"groups": [1]}),
        json!({"groups": vec!["g"; 201]}),
    ] {
        let token = signer.sign(&claims(changes.clone())).unwrap();
        let refused = oidc.verify(&token, now).await;
        assert!(matches!(refused, Some(Err(Rejection::Invalid(_)))), "{changes}");
    }
    let forged = Signer::new(&Signer::generate().unwrap()).unwrap();
    for header in [
        json!({"alg": "ES256", "kid": signer.id()}),
        json!({"alg": "ES256", "kid": forged.id(), "jwk": forged.jwk()}),
        json!({"alg": "ES256"}),
    ] {
        let token = forged.sign_as(&header, &claims(json!({}))).unwrap();
        assert!(matches!(oidc.verify(&token, now).await, Some(Err(_))), "{header}");
    }
    let mut pinned = options;
    pinned.token.algorithms = vec![Algorithm::Rs256];
    let pinned = Oidc::open(pinned).unwrap();
    assert!(matches!(pinned.verify(&token, now).await, Some(Err(_))));
}

#[tokio::test]
async fn rules_say_what_such_an_identity_may() {
    let signer = signer();
    let (_, options) = provider(&signer);
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    fs::write(&rules, "allow repo:octo/* to pull in **\nallow group:dev to pull, push in app\n")
        .unwrap();
    let gate = Gate::new(Challenge::basic("R"), Policy::rules(&rules).unwrap())
        .with(Arc::new(Oidc::open(options).unwrap()));
    let dev = signer.sign(&claims(json!({}))).unwrap();
    let ops = signer.sign(&claims(json!({"groups": "ops"}))).unwrap();
    let push = "/v2/app/blobs/uploads/";
    for authorization in [bearer(&dev), basic("oidc", &dev)] {
        assert!(request(&gate, "POST", push, &authorization).await.is_ok());
    }
    let denied = request(&gate, "POST", push, &bearer(&ops)).await.err().unwrap();
    assert!(matches!(denied, Denial::Denied { .. }), "{denied:?}");
    assert!(request(&gate, "GET", "/v2/other/tags/list", &bearer(&ops)).await.is_ok());
    assert!(request(&gate, "GET", "/v2/other/tags/list", "").await.is_err());
}

fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["node1.example".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "node1");
    params.distinguished_name.push(DnType::OrganizationName, "nodes");
    change(&mut params);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[tokio::test]
async fn a_certificate_names_its_owner_once() {
    let name = async |named_by, certificate: &[u8], credentials: Credentials<'_>| {
        let presented =
            Presented { credentials: &credentials, certificate: Some(certificate), client: None };
        let identity = Certificates::new(named_by).authenticate(&presented).await?;
        Some(identity.map(|identity| {
            let groups: Vec<_> = identity.groups.iter().map(ToString::to_string).collect();
            format!("{} {}", identity.name().unwrap(), groups.join(" "))
        }))
    };
    let plain = certificate(|_| {});
    let check = async |named_by, certificate: &[u8], expected: Option<&str>| {
        let found = name(named_by, certificate, Credentials::None).await.unwrap();
        assert_eq!(found.ok().as_deref(), expected);
    };
    check(NamedBy::CommonName, &plain, Some("node1 group:nodes")).await;
    check(NamedBy::Dns, &plain, Some("node1.example group:nodes")).await;
    check(NamedBy::Uri, &plain, None).await;
    let spiffe = certificate(|params| {
        let uri = "spiffe://example/ns/a".to_owned().try_into().unwrap();
        params.subject_alt_names = vec![SanType::URI(uri)];
    });
    check(NamedBy::Uri, &spiffe, Some("spiffe://example/ns/a group:nodes")).await;
    check(NamedBy::Dns, &spiffe, None).await;
    for wrong in ["", "group:admins", "a\nb"] {
        let wrong = certificate(|params| params.distinguished_name.push(DnType::CommonName, wrong));
        check(NamedBy::CommonName, &wrong, None).await;
    }
    check(
        NamedBy::CommonName,
        &certificate(|params| params.distinguished_name = rcgen::DistinguishedName::new()),
        None,
    )
    .await;
    check(NamedBy::CommonName, b"nonsense", None).await;
    // Credentials in a header go before it.
    assert!(name(NamedBy::CommonName, &plain, Credentials::Bearer("x")).await.is_none());

    let gate = Gate::new(Challenge::basic("R"), Policy::Open("auth.certificates"))
        .with(Arc::new(Certificates::new(NamedBy::CommonName)));
    let granted = request_with(&gate, "GET", "/v2/", "", Some(&plain)).await.unwrap();
    assert_eq!(&*granted.subject.unwrap().0, "node1");
    assert!(request_with(&gate, "GET", "/v2/", "", None).await.is_err());
}

/// CVE-2025-23208: groups were only ever added to, so that who had left one went on to be in it.
#[tokio::test]
async fn cve_2025_23208_groups_are_those_of_the_token_that_is_shown() {
    let signer = signer();
    let (_provider, options) = provider(&signer);
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    fs::write(&rules, "allow group:ops to pull, push in **\n").unwrap();
    let gate = Gate::new(Challenge::basic("r"), Policy::rules(&rules).unwrap())
        .with(Arc::new(Oidc::open(options).unwrap()));
    let with = |groups: Value| bearer(&signer.sign(&claims(json!({"groups": groups}))).unwrap());
    let push = "/v2/a/blobs/uploads/";
    let (ops, dev, none) = (with(json!(["dev", "ops"])), with(json!(["dev"])), with(json!([])));
    for _ in 0..2 {
        assert!(request(&gate, "POST", push, &ops).await.is_ok());
        for left in [&dev, &none] {
            let denial = request(&gate, "POST", push, left).await.err().unwrap();
            assert!(matches!(denial, Denial::Denied { .. }), "{denial:?}");
        }
    }
}
