//! Who we are at a store: each way to come by credentials, against doubles of those who give them out.
//! The right request is made of them, and what they give signs the first request to the store. The store
//! refuses it, since that is all this is about; the server then does not start, and tells no secret.
//!
//! The address that ECS gives a task is fixed in the client (169.254.170.2), so that it is reached
//! through a proxy here. Google's endpoint for users (the `authorized_user` of gcloud) is fixed, too,
//! and only reached with TLS: it is not tried. Signing by Google without a key needs the real service.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use wharf_testkit::double::{Double, Request, Response, pairs};

/// One way to come by credentials.
struct Way {
    name: &'static str,
    storage: &'static str,
    /// Variables, in which `{plain}`, `{tls}` and `{folder}` stand for places, as in `storage`.
    variables: &'static [(&'static str, &'static str)],
    /// Whether a request is the one that has to be made of who gives out credentials; nothing if
    /// nobody is asked.
    asks: Option<fn(&Request) -> bool>,
    /// Whether a request to the store is signed with what was given.
    signed: fn(&Request) -> bool,
}

const S3: &str = "s3: {bucket: b, region: eu-west-1, regionendpoint: 'http://{plain}', \
                  forcepathstyle: true}";
const S3_TLS: &str = "s3: {bucket: b, region: eu-west-1, regionendpoint: 'https://{tls}', \
                      forcepathstyle: true, rootcas: ['{folder}/ca.pem']}";
const AZURE: &str = "azure: {accountname: acc, container: c, serviceurl: 'http://{plain}/acc', \
                     credentials: {type: default_credentials}}";
const AZURE_SECRET: &str = "azure: {accountname: acc, container: c, \
    serviceurl: 'http://{plain}/acc', credentials: {type: client_secret, clientid: our-client, \
    tenantid: our-tenant, secret: hush-application}}";
const GCS: &str = "gcs: {bucket: b, endpoint: 'https://{tls}', rootcas: ['{folder}/ca.pem']}";
const GCS_FILE: &str = "gcs: {bucket: b, endpoint: 'https://{tls}', \
                        rootcas: ['{folder}/ca.pem'], keyfile: '{folder}/google.json'}";

const WAYS: &[Way] = &[
    Way {
        name: "S3: web identity (IRSA)",
        storage: S3_TLS,
        variables: &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "{folder}/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/ours"),
            ("AWS_ENDPOINT_URL_STS", "https://{tls}/sts"),
        ],
        asks: Some(|request| {
            let mut sent = request.query.clone();
            sent.extend(pairs(&String::from_utf8_lossy(&request.body)));
            let sent = |name: &str, value: &str| sent.contains(&(name.into(), value.into()));
            request.method == "POST"
                && request.path == "/sts"
                && sent("Action", "AssumeRoleWithWebIdentity")
                && sent("RoleArn", "arn:aws:iam::1:role/ours")
                && sent("WebIdentityToken", "hush-projected")
        }),
        signed: by_session,
    },
    Way {
        name: "S3: a task of ECS",
        storage: S3,
        variables: &[
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1"),
            ("HTTP_PROXY", "http://{plain}"),
            ("NO_PROXY", "127.0.0.1"),
        ],
        asks: Some(|request| request.path == "http://169.254.170.2/v2/credentials/1"),
        signed: by_session,
    },
    Way {
        name: "S3: a pod of EKS",
        storage: S3,
        variables: &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://{plain}/v1/credentials"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "{folder}/token"),
        ],
        asks: Some(|request| {
            request.path == "/v1/credentials"
                && request.header("authorization") == Some("hush-projected")
        }),
        signed: by_session,
    },
    Way {
        name: "S3: the metadata of the machine (IMDSv2)",
        storage: S3,
        variables: &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://{plain}")],
        asks: Some(|request| {
            request.path == "/latest/meta-data/iam/security-credentials/the-role"
                && request.header("x-aws-ec2-metadata-token") == Some("imds-token")
        }),
        signed: by_session,
    },
    Way {
        name: "S3: keys of the environment",
        storage: S3,
        variables: &[
            ("AWS_ACCESS_KEY_ID", "AKIDOUBLE"),
            ("AWS_SECRET_ACCESS_KEY", "hush-secret"),
            ("AWS_SESSION_TOKEN", "hush-session"),
        ],
        asks: None,
        signed: by_session,
    },
    Way {
        name: "S3: a profile",
        storage: S3,
        variables: &[("AWS_SHARED_CREDENTIALS_FILE", "{folder}/aws"), ("AWS_PROFILE", "ours")],
        asks: None,
        signed: by_session,
    },
    Way {
        name: "Azure: the identity of the machine",
        storage: AZURE,
        variables: &[("IDENTITY_ENDPOINT", "http://{plain}/msi"), ("IDENTITY_HEADER", "hush-msi")],
        asks: Some(|request| {
            request.path == "/msi"
                && request.query("resource") == Some("https://storage.azure.com")
                && request.header("metadata") == Some("true")
                && request.header("x-identity-header") == Some("hush-msi")
        }),
        signed: by_bearer,
    },
    Way {
        name: "Azure: workload identity",
        storage: AZURE,
        variables: &[
            ("AZURE_FEDERATED_TOKEN_FILE", "{folder}/token"),
            ("AZURE_CLIENT_ID", "our-client"),
            ("AZURE_TENANT_ID", "our-tenant"),
            ("AZURE_AUTHORITY_HOST", "http://{plain}"),
        ],
        asks: Some(|request| {
            asks_azure(request, &[("client_assertion", "hush-projected"), CLIENT])
        }),
        signed: by_bearer,
    },
    Way {
        name: "Azure: an application of the configuration",
        storage: AZURE_SECRET,
        variables: &[("AZURE_AUTHORITY_HOST", "http://{plain}")],
        asks: Some(|request| asks_azure(request, &[("client_secret", "hush-application"), CLIENT])),
        signed: by_bearer,
    },
    Way {
        name: "Azure: an application of the environment",
        storage: AZURE,
        variables: &[
            ("AZURE_CLIENT_ID", "our-client"),
            ("AZURE_TENANT_ID", "our-tenant"),
            ("AZURE_CLIENT_SECRET", "hush-application"),
            ("AZURE_AUTHORITY_HOST", "http://{plain}"),
        ],
        asks: Some(|request| asks_azure(request, &[("client_secret", "hush-application"), CLIENT])),
        signed: by_bearer,
    },
    Way {
        name: "Google: the metadata of the machine",
        storage: GCS,
        variables: &[("GCE_METADATA_HOST", "{plain}")],
        asks: Some(|request| {
            request.path == "/computeMetadata/v1/instance/service-accounts/default/token"
                && request.header("metadata-flavor") == Some("Google")
        }),
        signed: by_bearer,
    },
    Way {
        name: "Google: the file of a key",
        storage: GCS_FILE,
        variables: &[],
        asks: None,
        signed: by_assertion,
    },
    Way {
        name: "Google: the file of a key that the environment names",
        storage: GCS,
        variables: &[("GOOGLE_APPLICATION_CREDENTIALS", "{folder}/google.json")],
        asks: None,
        signed: by_assertion,
    },
];

const CLIENT: (&str, &str) = ("client_id", "our-client");

fn asks_azure(request: &Request, expected: &[(&str, &str)]) -> bool {
    let form = pairs(&String::from_utf8_lossy(&request.body));
    let sent =
        |(name, value): &(&str, &str)| form.contains(&((*name).to_owned(), (*value).to_owned()));
    request.method == "POST"
        && request.path == "/our-tenant/oauth2/v2.0/token"
        && expected.iter().all(sent)
}

fn by_session(request: &Request) -> bool {
    let signature = request.header("authorization").unwrap_or_default();
    let whose = signature.contains("Credential=AKIDOUBLE/");
    whose && request.header("x-amz-security-token") == Some("hush-session")
}

fn by_bearer(request: &Request) -> bool {
    request.header("authorization") == Some("Bearer hush-bearer")
}

/// By a token that we have signed ourselves: three parts, of which the first names our key.
fn by_assertion(request: &Request) -> bool {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let parts: Vec<&str> = token.unwrap_or_default().split('.').collect();
    let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    let said = |part: &str, what: &str| String::from_utf8_lossy(&decoded(part)).contains(what);
    parts.len() == 3 && said(parts[0], "key-of-ours") && said(parts[1], "wharf@example.com")
}

#[test]
fn each_way_to_come_by_credentials_is_taken() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let handler = || {
        let seen = Arc::clone(&seen);
        move |request: &Request| {
            seen.lock().expect("no panic").push(request.clone());
            answer(request)
        }
    };
    let plain = Double::start(handler()).expect("a port");
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).expect("made");
    fs::write(folder.path().join("ca.pem"), certificate.cert.pem()).expect("written");
    let tls = Double::start_tls(&certificate, handler()).expect("a port");
    write_files(folder.path());
    for way in WAYS {
        seen.lock().expect("no panic").clear();
        let places = [plain.address(), tls.address()];
        let said = refused(way, places, folder.path());
        let seen = std::mem::take(&mut *seen.lock().expect("no panic"));
        let name = way.name;
        if let Some(asks) = way.asks {
            assert!(seen.iter().any(asks), "{name}: nobody was asked: {seen:#?}\n{said}");
        }
        let stored = seen.iter().find(|request| is_of_store(request));
        let stored = stored.unwrap_or_else(|| panic!("{name}: no request to the store\n{said}"));
        assert!((way.signed)(stored), "{name}: {stored:#?}");
        assert!(!said.contains("hush"), "{name}: {said}");
    }
}

/// What the server says that does not start.
fn refused(way: &Way, [plain, tls]: [SocketAddr; 2], folder: &Path) -> String {
    let placed = |text: &str| {
        text.replace("{plain}", &plain.to_string())
            .replace("{tls}", &tls.to_string())
            .replace("{folder}", &folder.display().to_string())
    };
    let config = folder.join("config.yml");
    let storage = placed(way.storage);
    let text = format!("version: 0.1\nstorage:\n  {storage}\nhttp: {{addr: '127.0.0.1:0'}}\n");
    fs::write(&config, text).expect("written");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_wharf"));
    serve.arg("serve").arg(&config).env_clear().env("HOME", folder);
    serve.envs(way.variables.iter().map(|(name, value)| (name, placed(value))));
    let log = folder.join("log");
    let file = fs::File::create(&log).expect("a file");
    let mut server = serve.stdout(Stdio::null()).stderr(file).spawn().expect("it starts");
    let begun = Instant::now();
    while server.try_wait().expect("its state").is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            server.kill().expect("killed");
            server.wait().expect("gone");
            panic!("{}: it has started, or hangs", way.name);
        }
        thread::sleep(Duration::from_millis(20));
    }
    fs::read_to_string(log).expect("its words")
}

/// What is given out, and what the store says.
fn answer(request: &Request) -> Response {
    const AWS: &str = r#"{"AccessKeyId": "AKIDOUBLE", "SecretAccessKey": "hush-secret",
        "Token": "hush-session", "Expiration": "2100-01-01T00:00:00Z", "Code": "Success"}"#;
    const STS: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>\
        <Credentials><AccessKeyId>AKIDOUBLE</AccessKeyId>\
        <SecretAccessKey>hush-secret</SecretAccessKey>\
        <SessionToken>hush-session</SessionToken>\
        <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>\
        </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    const BEARER: &str = r#"{"access_token": "hush-bearer", "expires_in": 3600,
        "expires_on": "4102444800", "token_type": "Bearer"}"#;
    let given = match request.path.as_str() {
        "/sts" => STS,
        "/latest/api/token" => "imds-token",
        "/latest/meta-data/iam/security-credentials/" => "the-role",
        "/latest/meta-data/iam/security-credentials/the-role"
        | "/v1/credentials"
        | "http://169.254.170.2/v2/credentials/1" => AWS,
        "/msi"
        | "/our-tenant/oauth2/v2.0/token"
        | "/computeMetadata/v1/instance/service-accounts/default/token" => BEARER,
        _ => return Response::of(403).body("<Error><Code>AccessDenied</Code></Error>"),
    };
    Response::of(200).body(given)
}

fn is_of_store(request: &Request) -> bool {
    answer(request).status == 403
}

fn write_files(folder: &Path) {
    // A key of tests: that of the tests of cloudfront.
    let key = include_str!("../../wharf-middleware/tests/cloudfront/private.pem");
    let google = format!(
        r#"{{"type": "service_account", "private_key": "{}", "private_key_id": "key-of-ours",
            "client_email": "wharf@example.com", "client_id": "1", "project_id": "p"}}"#,
        key.replace('\n', "\\n")
    );
    let aws = "[ours]\naws_access_key_id = AKIDOUBLE\naws_secret_access_key = hush-secret\n\
               aws_session_token = hush-session\n";
    for (name, text) in [("token", "hush-projected"), ("google.json", &google), ("aws", aws)] {
        fs::write(folder.join(name), text).expect("written");
    }
}

// === permissions ===

/// What a store may refuse while the server starts, and what is then said of it.
const DENIED: &[(&str, &str)] = &[
    ("PUT", "may not write (s3:PutObject)"),
    ("GET", "may not read (s3:GetObject)"),
    ("LIST", "may not list (s3:ListBucket)"),
    ("DELETE", "may not delete (s3:DeleteObject)"),
];

#[test]
fn a_permission_that_is_missing_is_named() {
    for (denied, expected) in DENIED {
        let there = Mutex::new(false);
        let store = Double::start(move |request| {
            let mut there = there.lock().expect("no panic");
            let is_list = request.query("list-type").is_some();
            let deletes = request.method == "DELETE" || request.query("delete").is_some();
            let act = match request.method.as_str() {
                "GET" if is_list => "LIST",
                _ if deletes => "DELETE",
                method => method,
            };
            match act {
                act if act == *denied => {
                    Response::of(403).body("<Error><Code>AccessDenied</Code></Error>")
                }
                "PUT" if std::mem::replace(&mut *there, true) => Response::of(412),
                "PUT" => Response::of(200).with("ETag", "\"e\""),
                "GET" => Response::of(200)
                    .with("ETag", "\"e\"")
                    .with("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
                    .body("probe"),
                "LIST" => Response::of(200)
                    .body("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"),
                _ => Response::of(200).body("<DeleteResult></DeleteResult>"),
            }
        });
        let store = store.expect("a port");
        let folder = tempfile::tempdir().expect("temporary folder");
        let way = Way {
            name: denied,
            storage: S3,
            variables: &[("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "hush")],
            asks: None,
            signed: |_| true,
        };
        let said = refused(&way, [store.address(); 2], folder.path());
        let line = said.lines().find(|line| line.contains("storage.s3.bucket: "));
        let line = line.unwrap_or_else(|| panic!("{denied}: {said}"));
        assert!(line.contains(expected), "{denied}: {line}");
        assert!(!said.contains("hush"), "{said}");
    }
}
