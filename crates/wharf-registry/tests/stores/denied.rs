//! Credentials of S3 that may do less than a registry does. The store itself gives them out (`AssumeRole`,
//! with a policy), and it is the store that refuses.

use http::{Method, Request};
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};
use wharf_registry::{Server, digest::Digest};
use wharf_testkit::raw::Client;

use super::{RUNTIME, configuration, section, with};

/// What `docs/object-stores.md` asks for, and what the server says without it.
const PERMISSIONS: &[(&str, &str)] = &[
    ("s3:PutObject", "write"),
    ("s3:GetObject", "read"),
    ("s3:DeleteObject", "delete"),
    ("s3:AbortMultipartUpload", "abort uploads"),
    ("s3:ListBucket", "list"),
    ("s3:ListBucketMultipartUploads", "list unfinished uploads"),
];

const BUCKET: &str = "wharf";
const REGION: &str = "us-east-1";

/// The service has no other characters in its names.
const SAFE: &[u8] = b"-._~";

/// Without one of the permissions the server does not start, and says which it is.
pub(super) fn a_permission_that_is_missing_is_named(variable: &str) {
    for (missing, verb) in PERMISSIONS {
        let section = restricted(&section(variable), |permission| permission != *missing);
        let Err(error) = RUNTIME.block_on(Server::bind(&configuration(&section))) else {
            println!("skipped: this store does not ask for {missing}");
            continue;
        };
        let (error, keys) = (error.to_string(), session(&section));
        println!("{error}");
        let expected = format!(
            "storage.s3.bucket: these credentials may not {verb} ({missing}) in {BUCKET:?}: the store \
             answered "
        );
        let answer = error.strip_prefix(&expected).unwrap_or_else(|| panic!("{error}"));
        assert!(answer.contains("AccessDenied"), "{error}");
        assert!(keys.iter().all(|secret| !error.contains(secret)), "{error}");
    }
}

/// Who may only read starts a registry that is only read. With all of the permissions a blob is pushed, in
/// one request and in chunks.
pub(super) fn the_permissions_of_the_docs_are_enough(variable: &str) {
    let reader = restricted(&section(variable), |permission| {
        ["s3:GetObject", "s3:ListBucket"].contains(&permission)
    });
    let mut reading = configuration(&reader);
    reading.storage.read_only = true;
    RUNTIME.block_on(Server::bind(&reading)).expect("bound");

    let mut configuration = configuration(&restricted(&section(variable), |_| true));
    configuration.storage.delete = true;
    let server = RUNTIME.block_on(Server::bind(&configuration)).expect("bound");
    let mut registry = Client::new(server.local_addr());
    let running = RUNTIME.spawn(server.run(std::future::pending()));
    let mut ask = |method: &str, path: &str, body: &[u8], status: u16| {
        let answer = registry.request(method, path, &[], body).expect("an answer");
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer.location().map(ToOwned::to_owned).unwrap_or_default()
    };
    let uploads = "/v2/app/blobs/uploads/";
    for (content, size) in [(b'a', 7), (b'b', 20 << 20)] {
        let content = vec![content; size];
        let digest = Digest::sha256(&content);
        ask("POST", &format!("{uploads}?digest={digest}"), &content, 201);
        let (first, second) = content.split_at(size / 2);
        let digest = Digest::sha256(&[second, first, b"!"].concat());
        let mut place = ask("POST", uploads, b"", 202);
        for chunk in [second, first] {
            place = ask("PATCH", &place, chunk, 202);
        }
        let separator = if place.contains('?') { '&' } else { '?' };
        ask("PUT", &format!("{place}{separator}digest={digest}"), b"!", 201);
        ask("DELETE", &format!("/v2/app/blobs/{digest}"), b"", 202);
    }
    running.abort();
}

/// The section with credentials that have these permissions, and no others.
fn restricted(section: &str, allowed: impl Fn(&str) -> bool) -> String {
    let actions = PERMISSIONS.iter().map(|(permission, _)| *permission);
    let actions: Vec<String> =
        actions.filter(|action| allowed(action)).map(|action| format!("{action:?}")).collect();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{}],"Resource":["arn:aws:s3:::{BUCKET}","arn:aws:s3:::{BUCKET}/*"]}}]}}"#,
        actions.join(",")
    );
    let answer = assume_role(section, &policy);
    let field = |name: &str| {
        let (_, after) = answer.split_once(&format!("<{name}>")).expect("credentials");
        after.split('<').next().expect("a value").to_owned()
    };
    let section = with(section, "accesskey", &field("AccessKeyId"));
    let section = with(&section, "secretkey", &format!("{:?}", field("SecretAccessKey")));
    let token = format!("{{sessiontoken: {:?}, ", field("SessionToken"));
    section.replacen('{', &token, 1)
}

/// What nobody may be told.
fn session(section: &str) -> [String; 2] {
    ["secretkey", "sessiontoken"].map(|name| value(section, name))
}

/// A parameter of the section.
fn value(section: &str, parameter: &str) -> String {
    let (_, after) = section.split_once(&format!("{parameter}: ")).expect("it is set");
    after.split([',', '}']).next().expect("a value").trim_matches('"').to_owned()
}

/// Asks the store for temporary credentials with a policy.
fn assume_role(section: &str, policy: &str) -> String {
    let endpoint = value(section, "regionendpoint");
    let keys = AwsCredential {
        key_id: value(section, "accesskey"),
        secret_key: value(section, "secretkey"),
        token: None,
    };
    let form = format!(
        "Action=AssumeRole&Version=2011-06-15&DurationSeconds=3600&RoleArn={}&RoleSessionName=test&Policy={}",
        encoded("arn:aws:iam::123456789012:role/test"),
        encoded(policy)
    );
    let request = Request::builder().method(Method::POST).uri(format!("{endpoint}/"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let mut request =
        request.body(HttpRequestBody::from(form.clone().into_bytes())).expect("a request");
    AwsAuthorizer::new(&keys, "sts", REGION).try_authorize(&mut request, None).expect("signed");
    let headers: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
        .collect();
    let address = endpoint.trim_start_matches("http://").parse().expect("an address");
    let answer = Client::new(address).request("POST", "/", &headers, form.as_bytes());
    let answer = answer.expect("an answer");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "{text}");
    text
}

/// A value of a form.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() || SAFE.contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
