//! The conformance scenarios, over the local registry on every driver, with and without deletes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot};
use wharf_driver::{Driver, MemoryDriver};
use wharf_driver_fs::FsDriver;
use wharf_http::{App, Options, serve};
use wharf_storage::{ManifestPolicy, Platforms, StorageNamespace};
use wharf_testkit::scenarios::{self, Verdict};

/// What the embedded default does.
fn usual() -> scenarios::Options {
    scenarios::Options::default()
}

/// Runs all scenarios against a registry over this driver; panics with everything that failed.
async fn check(driver: Arc<dyn Driver>, options: scenarios::Options) {
    let (stop, stopped) = oneshot::channel();
    let (address, server) = start(driver, &options, stopped).await;
    let outcomes = scenarios::run_all(&format!("http://{address}"), options).await;
    stop.send(()).expect("the server runs");
    server.await.expect("the server does not panic").expect("the server ends in order");

    for outcome in &outcomes {
        let (name, verdict, duration) = (outcome.name, &outcome.verdict, outcome.duration);
        println!("{duration:>9.1?} {name}: {verdict:?}");
    }
    let failed: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| Some(format!("{}: {}", outcome.name, outcome.failure()?)))
        .collect();
    let passed = outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Passed).count();
    assert!(failed.is_empty(), "{passed} passed, {} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(passed > 0, "nothing ran");
}

async fn start(
    driver: Arc<dyn Driver>,
    options: &scenarios::Options,
    stopped: oneshot::Receiver<()>,
) -> (SocketAddr, tokio::task::JoinHandle<std::io::Result<()>>) {
    let manifests = ManifestPolicy {
        sparse: options.sparse,
        platforms: if options.sparse { Platforms::None } else { Platforms::All },
        ..ManifestPolicy::default()
    };
    let delete = options.deletes;
    let storage = wharf_storage::Options { delete, manifests, ..wharf_storage::Options::default() };
    let namespace = Arc::new(StorageNamespace::new(driver, storage));
    let options = Options { delete, upload_key: b"a test".to_vec(), ..Options::default() };
    let app = Arc::new(App::new(namespace, options));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("the listener has an address");
    let shutdown = async {
        // The test may have panicked.
        let _ = stopped.await;
    };
    let server = tokio::spawn(serve(listener, app, shutdown, Duration::from_secs(5)));
    (address, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    check(Arc::new(MemoryDriver::new()), usual()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_sparse_without_deletes() {
    let options = scenarios::Options { sparse: true, deletes: false, ..usual() };
    check(Arc::new(MemoryDriver::new()), options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filesystem() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let driver = FsDriver::new(folder.path(), wharf_driver_fs::Options::default());
    check(Arc::new(driver.expect("the folder can be used")), usual()).await;
}
