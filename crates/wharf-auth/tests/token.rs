//! Tokens: which are taken, and which are not.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]
#![cfg(feature = "token")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use aws_lc_rs::{
    encoding::AsDer as _,
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{self, Ed25519KeyPair, KeyPair as _},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData as _,
};
use serde_json::{Value, json};
use support::{bearer, get, request};
use tempfile::TempDir;
use wharf_auth::{
    Challenge, Denial, Gate, Policy, Rejection,
    token::{Algorithm, KeySource, Options, Signer, Token},
};

const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn options() -> Options {
    Options::new("issuer", "registry")
}

fn claims() -> Value {
    json!({
        "iss": "issuer", "aud": "registry", "sub": "alice", "exp": NOW + 300, "nbf": NOW - 10,
        "access": [{"type": "repository", "name": "a", "actions": ["pull", "push"]}],
    })
}

/// The claims with some of them changed; `null` takes one out.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn signer() -> Signer {
    Signer::new(&Signer::generate().unwrap()).unwrap()
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn jwks(folder: &TempDir, keys: &[Value]) -> PathBuf {
    file(folder, "jwks.json", json!({ "keys": keys }).to_string())
}

fn knowing(path: &Path) -> Token {
    Token::open(Options { key_file: Some(path.to_owned()), ..options() }).unwrap()
}

async fn taken(token: &Token, text: &str) -> Option<String> {
    let identity = token.verify(text, at(NOW)).await.ok()?;
    Some(identity.name().unwrap_or_default().to_owned())
}

async fn refused(token: &Token, text: &str) -> String {
    match token.verify(text, at(NOW)).await {
        Err(Rejection::Invalid(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The modulus of a key of 2048 bits, whose exponent is 65537: it has its place in the DER.
fn modulus(key: &rsa::KeyPair) -> &[u8] {
    &key.public_key().as_ref()[9..][..256]
}

#[tokio::test]
async fn a_token_has_to_be_of_the_issuer_for_this_service_and_of_this_time() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer();
    let token = knowing(&jwks(&folder, &[signer.jwk()]));
    let good = |changes| signer.sign(&with(changes)).unwrap();
    for changes in [
        json!({}),
        json!({"aud": ["other", "registry"]}),
        json!({"exp": NOW - 59}),
        json!({"exp": NOW as f64 + 0.5}),
        json!({"nbf": NOW + 59}),
        json!({"nbf": null}),
        json!({"access": null}),
        json!({"access": Value::Array(vec![])}),
        json!({"extra": {"deep": [1]}}),
    ] {
        assert_eq!(taken(&token, &good(changes)).await.as_deref(), Some("alice"));
    }
    let null: Value =
        serde_json::from_str(&claims().to_string().replace(r#"["pull","push"]"#, "null")).unwrap();
    assert!(taken(&token, &signer.sign(&null).unwrap()).await.is_some());
    for (changes, problem) in [
        (json!({"iss": "other"}), "another issuer"),
        (json!({"iss": null}), "malformed"),
        (json!({"aud": "other"}), "another service"),
        (json!({"aud": []}), "another service"),
        (json!({"aud": null}), "malformed"),
        (json!({"exp": NOW - 61}), "expired"),
        (json!({"exp": null}), "malformed"),
        (json!({"exp": "never"}), "malformed"),
        (json!({"nbf": NOW + 61}), "not valid yet"),
        (json!({"sub": "a\nb"}), "no name"),
    ] {
        let problem_found = refused(&token, &good(changes.clone())).await;
        assert!(problem_found.contains(problem), "{changes}: {problem_found}");
    }
    let many: Vec<_> = (0..1001).map(|n| json!({"type": "a", "name": n.to_string()})).collect();
    assert!(refused(&token, &good(json!({ "access": many }))).await.contains("1000 entries"));
}

#[tokio::test]
async fn a_token_that_was_genuine_expires_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer();
    let token = knowing(&jwks(&folder, &[signer.jwk()]));
    let text = signer.sign(&claims()).unwrap();
    assert!(token.verify(&text, at(NOW)).await.is_ok());
    assert!(token.verify(&text, at(NOW + 360)).await.is_ok());
    assert!(token.verify(&text, at(NOW + 361)).await.is_err());
    assert!(token.verify(&text, at(NOW - 71)).await.is_err());
    assert!(token.verify(&text, at(NOW)).await.is_ok());
}

#[tokio::test]
async fn every_algorithm_is_checked_with_a_key_that_is_made_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let random = SystemRandom::new();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let (n, e) = (text(modulus(&rsa)), "AQAB");
    let edwards = Ed25519KeyPair::generate().unwrap();
    let x = text(edwards.public_key().as_ref());
    let secret = [7_u8; 32];
    let mut keys = vec![
        json!({"kty": "RSA", "n": n, "e": e, "kid": "rsa"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "edwards"}),
        json!({"kty": "oct", "k": text(&secret), "kid": "secret"}),
    ];
    let mut signed = Vec::new();
    let mut sign = |algorithm: &str, id: &str, by: &dyn Fn(&[u8]) -> Vec<u8>| {
        let message = message(&json!({"alg": algorithm, "kid": id}), &claims());
        let signature = text(&by(message.as_bytes()));
        signed.push((algorithm.to_owned(), format!("{message}.{signature}")));
    };
    let rsa_signed = |encoding: &'static dyn signature::RsaEncoding| {
        let (rsa, random) = (&rsa, &random);
        move |message: &[u8]| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(encoding, random, message, &mut signature).unwrap();
            signature
        }
    };
    sign("RS256", "rsa", &rsa_signed(&signature::RSA_PKCS1_SHA256));
    sign("RS384", "rsa", &rsa_signed(&signature::RSA_PKCS1_SHA384));
    sign("RS512", "rsa", &rsa_signed(&signature::RSA_PKCS1_SHA512));
    sign("PS256", "rsa", &rsa_signed(&signature::RSA_PSS_SHA256));
    sign("PS384", "rsa", &rsa_signed(&signature::RSA_PSS_SHA384));
    sign("PS512", "rsa", &rsa_signed(&signature::RSA_PSS_SHA512));
    sign("EdDSA", "edwards", &|message| edwards.sign(message).as_ref().to_vec());
    for (algorithm, curve, signing) in [
        ("ES256", "P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        ("ES384", "P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ("ES512", "P-521", &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
    ] {
        let pair = signature::EcdsaKeyPair::generate(signing).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        keys.push(json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y), "kid": curve}));
        sign(algorithm, curve, &|message| pair.sign(&random, message).unwrap().as_ref().to_vec());
    }
    for (algorithm, hash) in
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
    {
        let key = hmac::Key::new(hash, &secret);
        sign(algorithm, "secret", &|message| hmac::sign(&key, message).as_ref().to_vec());
    }
    let path = jwks(&folder, &keys);
    // A secret in a set has to be meant.
    let open = |algorithms: &[Algorithm]| {
        let (key_file, algorithms) = (Some(path.clone()), algorithms.to_vec());
        Token::open(Options { key_file, algorithms, ..options() })
    };
    let error = open(&Algorithm::PUBLIC).err().unwrap().to_string();
    assert!(error.contains("jwks.json: there is a secret in it"), "{error}");
    let all = open(&Algorithm::ALL.map(|(_, algorithm)| algorithm)).unwrap();
    assert_eq!(signed.len(), Algorithm::ALL.len());
    for (algorithm, text) in &signed {
        assert_eq!(taken(&all, text).await.as_deref(), Some("alice"), "{algorithm}");
        // Only what is allowed.
        let only = open(&[Algorithm::parse(algorithm).unwrap()]);
        if let Ok(only) = only {
            for (other, text) in &signed {
                assert_eq!(taken(&only, text).await.is_some(), other == algorithm, "{other}");
            }
        }
        // Another payload, another signature, another algorithm with the same key.
        let (message_part, signature) = text.rsplit_once('.').unwrap();
        let forged = text.replacen(&message_part[message_part.len() - 10..], "AAAAAAAAAA", 1);
        refused(&all, &forged).await;
        refused(&all, &format!("{message_part}.")).await;
        for (other, _) in Algorithm::ALL.iter().filter(|(other, _)| other != algorithm) {
            for id in ["rsa", "edwards", "secret", "P-256", "P-384", "P-521"] {
                let message = message(&json!({"alg": other, "kid": id}), &claims());
                refused(&all, &format!("{message}.{signature}")).await;
            }
        }
    }
}

/// The public key of RS256 taken for the secret of HS256: everybody knows it.
#[tokio::test]
async fn a_public_key_is_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let public = rsa.public_key();
    let n = modulus(&rsa).to_vec();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let path = jwks(&folder, &[json!({"kty": "RSA", "n": text(&n), "e": "AQAB", "kid": "k"})]);
    let algorithms = Algorithm::ALL.map(|(_, algorithm)| algorithm).to_vec();
    let token = Token::open(Options { key_file: Some(path), algorithms, ..options() }).unwrap();
    let der = public.as_der().unwrap();
    for secret in [&n[..], public.as_ref(), der.as_ref()] {
        let message = message(&json!({"alg": "HS256", "kid": "k"}), &claims());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        refused(&token, &format!("{message}.{}", text(tag.as_ref()))).await;
    }
    for algorithm in ["none", "None", "", "RS256 "] {
        let message = message(&json!({"alg": algorithm, "kid": "k"}), &claims());
        refused(&token, &format!("{message}.")).await;
    }
}

/// CVE-2025-24976: a key that the token brought along was trusted.
#[tokio::test]
async fn cve_2025_24976_a_key_in_the_token_is_never_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (trusted, stranger) = (signer(), signer());
    let token = knowing(&jwks(&folder, &[trusted.jwk()]));
    let mut impostor = stranger.jwk();
    impostor["kid"] = trusted.id().into();
    let certificate = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
    let x5c = [STANDARD.encode(certificate.cert.der())];
    for header in [
        json!({"alg": "ES256", "jwk": stranger.jwk()}),
        json!({"alg": "ES256", "jwk": impostor}),
        json!({"alg": "ES256", "kid": stranger.id(), "jwk": stranger.jwk()}),
        json!({"alg": "ES256", "kid": trusted.id(), "jwk": stranger.jwk()}),
        json!({"alg": "ES256", "jku": "http://127.0.0.1:1/keys"}),
        json!({"alg": "ES256", "x5u": "http://127.0.0.1:1/certificate"}),
        json!({"alg": "ES256", "x5c": x5c}),
        json!({"alg": "ES256", "x5c": x5c, "kid": trusted.id()}),
        json!({"alg": "ES256"}),
    ] {
        refused(&token, &stranger.sign_as(&header, &claims()).unwrap()).await;
    }
    // What a trusted key has signed is genuine, whatever else stands in the header.
    let header = json!({"alg": "ES256", "kid": trusted.id(), "jwk": stranger.jwk(), "x5c": x5c});
    assert!(taken(&token, &trusted.sign_as(&header, &claims()).unwrap()).await.is_some());
    let header = json!({"alg": "ES256", "jwk": trusted.jwk()});
    assert!(taken(&token, &trusted.sign_as(&header, &claims()).unwrap()).await.is_some());
    let header = json!({"alg": "ES256", "kid": trusted.id(), "crit": ["exp"]});
    refused(&token, &trusted.sign_as(&header, &claims()).unwrap()).await;
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer();
    let token = knowing(&jwks(&folder, &[signer.jwk()]));
    let good = signer.sign(&claims()).unwrap();
    for text in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", &good[1..], &format!("{good}.x")] {
        refused(&token, text).await;
    }
    refused(&token, &"a".repeat(65 << 10)).await;
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","x":{deep}}}"#));
    refused(&token, &format!("{header}.e30.e30")).await;
    // Two of one key: which one counts is anybody's guess.
    let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","alg":"ES256"}"#);
    refused(&token, &format!("{twice}.e30.e30")).await;
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { issuer: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate of this authority, and a signer with its key.
    fn certify(&self, change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, Signer) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["auth.example".to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().to_vec(), Signer::new(&key.serialize_der()).unwrap())
    }
}

fn chained(signer: &Signer, chain: &[&[u8]]) -> String {
    let chain: Vec<_> = chain.iter().map(|der| STANDARD.encode(der)).collect();
    signer.sign_as(&json!({"alg": "ES256", "x5c": chain}), &claims()).unwrap()
}

/// When the certificates of these tests are valid, unlike the fixed time of the others.
async fn takes_now(token: &Token, text: &str) -> bool {
    token.verify(text, at(NOW)).await.is_ok()
}

#[tokio::test]
async fn a_certificate_has_to_lead_to_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(), Authority::new());
    let certificates = Some(file(&folder, "bundle.pem", authority.pem()));
    let token = Token::open(Options { certificates, ..options() }).unwrap();
    let (leaf, signer) = authority.certify(|_| {});
    assert!(takes_now(&token, &chained(&signer, &[&leaf])).await);
    let (strange, stranger) = other.certify(|_| {});
    assert!(!takes_now(&token, &chained(&stranger, &[&strange])).await);
    let root = other.issuer.der().to_vec();
    assert!(!takes_now(&token, &chained(&stranger, &[&strange, &root])).await);
    // The certificate of somebody else proves nothing.
    assert!(!takes_now(&token, &chained(&stranger, &[&leaf])).await);
    let (late, expired) = authority.certify(|params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    });
    assert!(!takes_now(&token, &chained(&expired, &[&late])).await);
    let none: &[&[u8]] = &[];
    assert!(!takes_now(&token, &chained(&signer, none)).await);
    assert!(!takes_now(&token, &chained(&signer, &[b"nonsense"])).await);
    let many: Vec<&[u8]> = vec![&leaf; 9];
    assert!(!takes_now(&token, &chained(&signer, &many)).await);
}

/// Most token servers have one certificate, which is its own authority.
#[tokio::test]
async fn a_certificate_in_the_bundle_is_trusted_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for authority in [true, false] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["auth.example".to_owned()]).unwrap();
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let certificate = params.self_signed(&key).unwrap();
        let certificates = Some(file(&folder, "bundle.pem", certificate.pem()));
        let token = Token::open(Options { certificates, ..options() }).unwrap();
        let signer = Signer::new(&key.serialize_der()).unwrap();
        assert!(takes_now(&token, &chained(&signer, &[certificate.der()])).await);
        // And by the id of its key: its thumbprint, or as libtrust writes it.
        assert!(takes_now(&token, &signer.sign(&claims()).unwrap()).await);
        let id = libtrust_id(&key);
        for header in
            [json!({"alg": "ES256", "kid": id}), json!({"alg": "ES256", "jwk": {"kid": id}})]
        {
            assert!(takes_now(&token, &signer.sign_as(&header, &claims()).unwrap()).await);
        }
    }
}

/// Written apart from the code that is tested.
fn libtrust_id(key: &KeyPair) -> String {
    let hash =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.subject_public_key_info());
    let bits: String = hash.as_ref()[..30].iter().map(|byte| format!("{byte:08b}")).collect();
    let digit = |five: &[u8]| {
        let value = five.iter().fold(0, |value, bit| value * 2 + usize::from(bit - b'0'));
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value])
    };
    let text: Vec<char> = bits.as_bytes().chunks(5).map(digit).collect();
    text.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(":")
}

#[tokio::test]
async fn keys_that_are_taken_out_of_a_file_count_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (signer(), signer());
    let path = jwks(&folder, &[one.jwk(), two.jwk()]);
    let token = knowing(&path);
    let text = one.sign(&claims()).unwrap();
    assert!(taken(&token, &text).await.is_some());
    let new = file(&folder, "new", json!({"keys": [two.jwk()]}).to_string());
    fs::rename(new, path).unwrap();
    // It is looked at once in ten milliseconds.
    std::thread::sleep(Duration::from_millis(20));
    assert!(refused(&token, &text).await.contains("unknown key"));
    assert!(taken(&token, &two.sign(&claims()).unwrap()).await.is_some());
}

/// Publishes keys, and counts who asks.
#[derive(Default)]
struct Published {
    keys: Mutex<Option<Value>>,
    asked: AtomicUsize,
}

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        self.asked.fetch_add(1, SeqCst);
        let keys = self.keys.lock().unwrap().clone();
        keys.map(|keys| keys.to_string().into_bytes()).ok_or_else(|| "nobody answers".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn published_keys_are_fetched_when_they_are_needed_and_not_more_often() {
    let published = Arc::new(Published::default());
    let key_source = Some(Arc::clone(&published) as _);
    let token = Token::open(Options { key_source, ..options() }).unwrap();
    let signer = signer();
    let text = signer.sign(&claims()).unwrap();
    for _ in 0..3 {
        let outcome = token.verify(&text, at(NOW)).await;
        assert!(matches!(outcome, Err(Rejection::Unavailable(_))), "{outcome:?}");
    }
    // Strangers who name keys that do not exist do not make us ask all the time.
    assert_eq!(published.asked.load(SeqCst), 1);
}

#[tokio::test]
async fn published_secrets_are_none() {
    let published = Arc::new(Published::default());
    let signer = signer();
    let secret = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 32]), "kid": "s"});
    *published.keys.lock().unwrap() = Some(json!({"keys": [secret, signer.jwk()]}));
    let algorithms = Algorithm::ALL.map(|(_, algorithm)| algorithm).to_vec();
    let key_source = Some(Arc::clone(&published) as _);
    let token = Token::open(Options { key_source, algorithms, ..options() }).unwrap();
    assert!(taken(&token, &signer.sign(&claims()).unwrap()).await.is_some());
    let message = message(&json!({"alg": "HS256", "kid": "s"}), &claims());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), message.as_bytes());
    let text = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert!(refused(&token, &text).await.contains("unknown key"));
}

#[test]
fn key_material_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = |change: &dyn Fn(&mut Options)| {
        let mut options = options();
        change(&mut options);
        Token::open(options).err().unwrap().to_string()
    };
    let of_file = |content: &str| {
        let path = file(&folder, "keys.json", content);
        error(&|options| options.key_file = Some(path.clone()))
    };
    let of_bundle = |content: &str| {
        let path = file(&folder, "bundle.pem", content);
        error(&|options| options.certificates = Some(path.clone()))
    };
    assert!(error(&|_| {}).contains("no key to check tokens with"));
    assert!(
        error(&|options| options.key_file = Some("/none".into())).contains("cannot read /none")
    );
    assert!(of_file("").contains("keys.json: it is no JWK set"));
    assert!(of_file(r#"{"keys": []}"#).contains("keys.json: there is no key"));
    let private = r#"{"keys": [{"kty": "EC", "crv": "P-256", "d": "c2VjcmV0"}]}"#;
    assert!(of_file(private).contains("keys.json: key 1: x is missing"));
    let weak = r#"{"keys": [{"kty": "RSA", "n": "_____w", "e": "AQAB"}]}"#;
    assert!(of_file(weak).contains("key 1: it is an RSA key of 32 bits"), "{}", of_file(weak));
    let other = r#"{"keys": [{"kty": "RSA", "use": "enc"}, {"kty": "XYZ"}]}"#;
    assert!(of_file(other).contains("there is no key"));
    assert!(of_bundle("").contains("bundle.pem: there is no certificate"));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(of_bundle(broken).contains("bundle.pem: certificate 1: its key cannot be read"));
}

#[tokio::test]
async fn a_gate_serves_what_the_token_grants() {
    let folder = tempfile::tempdir().unwrap();
    let signer = signer();
    let token = knowing(&jwks(&folder, &[signer.jwk()]));
    let challenge = Challenge::bearer("https://auth.example/token", "registry");
    let gate = Gate::new(challenge, Policy::Open("auth.token")).with(Arc::new(token));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let text = |access: Value| {
        bearer(
            &signer.sign(&with(json!({"exp": now + 60, "nbf": null, "access": access}))).unwrap(),
        )
    };
    let of = |kind: &str, name: &str, actions: &[&str]| {
        text(json!([{"type": kind, "name": name, "actions": actions}]))
    };
    let pull = of("repository", "a/b", &["pull"]);
    let grant = get(&gate, "/v2/a/b/tags/list", &pull).await.unwrap();
    assert_eq!(grant.rule.to_string(), "the access in the token");
    assert_eq!(&*grant.subject.unwrap().0, "alice");
    let challenge = async |method: &str, url: &str, authorization: &str| {
        let denial = request(&gate, method, url, authorization).await.err().unwrap();
        let Denial::Unauthorized { challenges, .. } = denial else { panic!("{denial:?}") };
        challenges[0].to_str().unwrap().to_owned()
    };
    let begin = "Bearer realm=\"https://auth.example/token\",service=\"registry\"";
    assert_eq!(
        challenge("PUT", "/v2/a/b/manifests/v1", &pull).await,
        format!("{begin},scope=\"repository:a/b:pull,push\",error=\"insufficient_scope\"")
    );
    assert_eq!(
        challenge("GET", "/v2/_catalog", "").await,
        format!("{begin},scope=\"registry:catalog:*\"")
    );
    assert_eq!(challenge("GET", "/v2/", "").await, begin);
    assert_eq!(
        challenge("GET", "/v2/", "Bearer x").await,
        format!("{begin},error=\"invalid_token\"")
    );
    for insufficient in [
        of("repository", "a", &["*"]),
        of("repository", "a/b/c", &["pull"]),
        of("registry", "a/b", &["pull"]),
        of("repository", "a/b", &["Pull"]),
        of("repository", "*", &["pull"]),
        text(json!([])),
    ] {
        assert!(get(&gate, "/v2/a/b/tags/list", &insufficient).await.is_err());
        assert!(get(&gate, "/v2/", &insufficient).await.is_ok());
    }
    let all = of("repository", "a/b", &["*"]);
    assert!(request(&gate, "DELETE", "/v2/a/b/manifests/v1", &all).await.is_ok());
    assert!(get(&gate, "/v2/_catalog", &of("registry", "catalog", &["*"])).await.is_ok());
    assert!(get(&gate, "/v2/_catalog", &of("registry", "catalog", &["pull"])).await.is_err());
}
