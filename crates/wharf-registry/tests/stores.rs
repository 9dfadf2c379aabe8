//! The suite of all drivers, over real object stores, each of which is named in a configuration.
//!
//! What is tested is a section of the storage, in a variable: `WHARF_TEST_S3`, `WHARF_TEST_GARAGE`,
//! `WHARF_TEST_AZURE`, `WHARF_TEST_GCS`. `cargo xtask stores` starts the services, sets the variables and runs this.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU32, Ordering},
};

use tokio::runtime::Runtime;
use wharf_registry::{
    Server,
    config::Configuration,
    digest::Digest,
    driver::{Capabilities, Driver},
    mapping::open_driver,
};
use wharf_testkit::{driver_suite, driver_suite::Subject, raw::Client};

const CAPABILITIES: Capabilities = Capabilities {
    create_if_absent: true,
    file_regions: false,
    presign: true,
    persistent: true,
    remote: true,
    flat_lists: true,
    optimistic_sessions: true,
};

driver_suite!(s3, capabilities: CAPABILITIES, new: || subject("WHARF_TEST_S3"));
driver_suite!(
    garage,
    // It ignores the condition.
    capabilities: Capabilities { create_if_absent: false, ..CAPABILITIES },
    new: || subject("WHARF_TEST_GARAGE"),
);
driver_suite!(
    azure,
    // Where names are a hierarchy, content at any depth comes in another order.
    capabilities: Capabilities { flat_lists: false, ..CAPABILITIES },
    new: || subject("WHARF_TEST_AZURE"),
);
driver_suite!(
    gcs,
    // Without TLS nothing is signed.
    capabilities: Capabilities { presign: false, ..CAPABILITIES },
    new: || subject("WHARF_TEST_GCS"),
);

#[path = "stores/denied.rs"]
mod denied;
#[path = "stores/fsck.rs"]
mod fsck;

mod s3_registry {
    #[test]
    fn fsck_finds_and_repairs_damage() {
        super::fsck::finds_and_repairs_damage("WHARF_TEST_S3");
    }

    #[test]
    fn clients_get_a_blob_from_the_store_itself() {
        super::clients_get_a_blob_from_the_store_itself("WHARF_TEST_S3");
    }

    #[test]
    fn a_permission_that_is_missing_is_named() {
        super::denied::a_permission_that_is_missing_is_named("WHARF_TEST_S3");
    }

    #[test]
    fn the_permissions_of_the_docs_are_enough() {
        super::denied::the_permissions_of_the_docs_are_enough("WHARF_TEST_S3");
    }

    #[test]
    fn a_wrong_parameter_is_named_and_no_secret_told() {
        super::refused("WHARF_TEST_S3", super::S3_PARAMETERS);
    }
}

mod garage_registry {
    #[test]
    fn fsck_finds_and_repairs_damage() {
        super::fsck::finds_and_repairs_damage("WHARF_TEST_GARAGE");
    }

    #[test]
    fn clients_get_a_blob_from_the_store_itself() {
        super::clients_get_a_blob_from_the_store_itself("WHARF_TEST_GARAGE");
    }

    #[test]
    fn a_wrong_parameter_is_named_and_no_secret_told() {
        super::refused("WHARF_TEST_GARAGE", super::S3_PARAMETERS);
    }
}

mod azure_registry {
    #[test]
    fn fsck_finds_and_repairs_damage() {
        super::fsck::finds_and_repairs_damage("WHARF_TEST_AZURE");
    }

    #[test]
    fn clients_get_a_blob_from_the_store_itself() {
        super::clients_get_a_blob_from_the_store_itself("WHARF_TEST_AZURE");
    }

    #[test]
    fn a_wrong_parameter_is_named_and_no_secret_told() {
        super::refused(
            "WHARF_TEST_AZURE",
            &[
                ("container", "nowhere", "container"),
                ("accountkey", "aHVzaA==", "accountkey"),
                ("accountkey", "hush!", "accountkey"),
                ("serviceurl", "\"http://127.0.0.1:1/devstoreaccount1\"", "serviceurl"),
            ],
        );
    }
}

mod gcs_registry {
    #[test]
    fn a_wrong_parameter_is_named_and_no_secret_told() {
        let gone = ("endpoint", "\"http://127.0.0.1:1\"", "endpoint");
        super::refused("WHARF_TEST_GCS", &[gone]);
    }
}

/// A parameter of S3, what is wrong for it, and which one the server names.
const S3_PARAMETERS: &[(&str, &str, &str)] = &[
    ("bucket", "nowhere", "bucket"),
    ("bucket", "No_Name..", "bucket"),
    ("accesskey", "nobody", "accesskey"),
    ("secretkey", "hush", "secretkey"),
    ("region", "eu-north-7", "region"),
    ("regionendpoint", "\"http://127.0.0.1:1\"", "regionendpoint"),
];

/// Outlives the tests, and with it the connections that are made while a store is opened.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a runtime can be made"));

/// Tells the folders of tests apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of its own in the store of a variable.
fn section(variable: &str) -> String {
    let section = std::env::var(variable).expect("cargo xtask stores sets the variable");
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = format!("suite-{}/{number}", std::process::id());
    section.replacen('{', &format!("{{rootdirectory: {folder}, "), 1)
}

fn configuration(section: &str) -> Configuration {
    let text = format!("version: 0.1\nstorage:\n  {section}\nhttp: {{addr: '127.0.0.1:0'}}\n");
    Configuration::load(&text, "c.yml", []).expect("valid").configuration
}

fn subject(variable: &str) -> Subject {
    let configuration = configuration(&section(variable));
    let open = move || open(&configuration);
    Subject::over(open()).reopened_by(open)
}

/// On a thread of its own, since the one that asks may belong to a runtime.
fn open(configuration: &Configuration) -> Arc<dyn Driver> {
    let driver = configuration.storage.driver.clone();
    let opening = std::thread::spawn(move || RUNTIME.block_on(open_driver(&driver, false)));
    opening.join().expect("no panic").expect("the store can be opened")
}

/// Pushes a blob, and follows where a GET of it leads. HEAD is answered by the registry.
fn clients_get_a_blob_from_the_store_itself(variable: &str) {
    let configuration = configuration(&section(variable));
    let server = RUNTIME.block_on(Server::bind(&configuration)).expect("bound");
    let mut registry = Client::new(server.local_addr());
    let running = RUNTIME.spawn(server.run(std::future::pending()));

    let content = b"a layer";
    let digest = Digest::sha256(content).to_string();
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    assert_eq!(registry.request("POST", &path, &[], content).expect("an answer").status, 201);

    let path = format!("/v2/app/blobs/{digest}");
    let sent = registry.request("GET", &path, &[], b"").expect("an answer");
    assert_eq!(sent.status, 307, "{sent:?}");
    assert_eq!(sent.header("docker-content-digest"), Some(digest.as_str()));
    let url = sent.header("location").expect("a place");
    let (host, _) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let mut store = Client::new(host.parse().expect("an address"));
    let path = sent.location().expect("a path").to_owned();
    let ranged = store.request("GET", &path, &[("Range", "bytes=2-4")], b"").expect("an answer");
    assert_eq!((ranged.status, ranged.body.as_slice()), (206, &b"lay"[..]));
    let whole = store.request("GET", &path, &[], b"").expect("an answer");
    assert_eq!((whole.status, whole.body.as_slice()), (200, &content[..]));

    let path = format!("/v2/app/blobs/{digest}");
    let head = registry.request("HEAD", &path, &[], b"").expect("an answer");
    assert_eq!((head.status, head.header("content-length")), (200, Some("7")));
    let missing = format!("/v2/app/blobs/{}", Digest::sha256(b"another"));
    assert_eq!(registry.request("GET", &missing, &[], b"").expect("an answer").status, 404);
    running.abort();
}

/// With one parameter of the section wrong, the server names it. A store that looks at no keys is
/// told so, and takes any.
fn refused(variable: &str, cases: &[(&str, &str, &str)]) {
    for (parameter, value, named) in cases {
        let section = section(variable);
        let wrong = with(&section, parameter, value);
        match RUNTIME.block_on(Server::bind(&configuration(&wrong))).err() {
            Some(error) => {
                let error = error.to_string();
                println!("{error}");
                let (driver, _) = section.split_once(':').expect("a section");
                assert!(error.starts_with(&format!("storage.{driver}.{named}: ")), "{error}");
                for secret in ["hush", "wharf-test-secret", "Eby8vdM02xNOcqFlqU"] {
                    assert!(!error.contains(secret), "{error}");
                }
            }
            None => println!("skipped: this store takes any {parameter}"),
        }
    }
}

/// A section with another value of a parameter.
fn with(section: &str, parameter: &str, value: &str) -> String {
    let (before, after) = section.split_once(&format!(" {parameter}: ")).expect("it is set");
    let end = after.find([',', '}']).expect("the section ends");
    format!("{before} {parameter}: {value}{}", &after[end..])
}
