//! A registry on a port.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use uuid::Uuid;
use wharf_acme::Manager;
use wharf_config::Configuration;
use wharf_core::Namespace;
use wharf_driver::Driver;
use wharf_http::{App, Listener, Meter};
use wharf_notifications::NotifyingNamespace;
use wharf_tls::Acceptor;

use crate::{
    Control, Error, NamespaceBuilder,
    debug::Beside,
    mapping::{self, tls::Secured},
    purger::{self, Schedule},
    store,
};

/// A registry that is bound to its address, and begins to answer when it [runs](Server::run).
pub struct Server {
    app: Arc<App>,
    listener: Listener,
    address: SocketAddr,
    /// The address or the socket file.
    place: String,
    /// `None` for plain TCP.
    tls: Option<Acceptor>,
    /// Whoever renews the certificate.
    acme: Option<Manager>,
    drain: Duration,
    purging: Option<(Arc<dyn Driver>, Schedule)>,
    control: Control,
    /// What runs beside it.
    beside: Beside,
}

/// Makes a [`Server`] from a configuration, of which parts can be brought along.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use wharf_registry::{Server, config::Configuration, driver::MemoryDriver};
///
/// let mut configuration = Configuration::default();
/// configuration.http.address.port = 0;
/// let server =
///     Server::builder(&configuration).driver(Arc::new(MemoryDriver::new())).bind().await?;
/// assert!(server.local_addr().ip().is_loopback());
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing before it binds"]
pub struct ServerBuilder<'a> {
    configuration: &'a Configuration,
    driver: Option<Arc<dyn Driver>>,
    namespace: Option<Arc<dyn Namespace>>,
    listener: Option<Listener>,
    meters: Vec<Arc<dyn Meter>>,
}

// === impl Server ===

impl Server {
    /// Opens the store, puts the registry together, and listens.
    pub async fn bind(configuration: &Configuration) -> Result<Self, Error> {
        Self::builder(configuration).bind().await
    }

    /// The same, with parts of the caller's.
    pub fn builder(configuration: &Configuration) -> ServerBuilder<'_> {
        ServerBuilder {
            configuration,
            driver: None,
            namespace: None,
            listener: None,
            meters: Vec::new(),
        }
    }

    /// The address that it listens on, with the port that the system chose for port 0;
    /// `0.0.0.0:0` if it is a socket file.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where its pages of numbers and health are, if there are any.
    pub fn debug_addr(&self) -> Option<SocketAddr> {
        self.beside.address()
    }

    /// Where it listens, for people: an address with its port, or a socket file.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What can be changed while it runs.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Serves until `shutdown` is done. Then nothing new is accepted, and what was begun has
    /// `http.draintimeout` to end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (control, drain) = (self.control.clone(), self.drain);
        let told = OnceLock::new();
        let shutdown = async {
            shutdown.await;
            let _ = told.set(Instant::now());
        };
        let result = self.serve(shutdown).await;
        let spent = told.get().map(Instant::elapsed).unwrap_or_default();
        control.end(drain.saturating_sub(spent)).await;
        result
    }

    async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        // Dropping the set ends what is in it.
        let mut background = JoinSet::new();
        let traces = self.beside.start(&mut background);
        if let Some((driver, schedule)) = self.purging {
            let read_only = self.control.read_only();
            background.spawn(purger::run(driver, schedule, read_only));
        }
        let (listener, app, drain) = (self.listener, self.app, self.drain);
        let served = match self.tls {
            None => wharf_http::serve(listener, app, shutdown, drain).await,
            Some(tls) => {
                if let Some(acme) = self.acme {
                    background.spawn(acme.keep(tls.clone()));
                }
                let acceptor = tls.clone();
                background.spawn(async move { acceptor.keep_renewed(mapping::tls::RENEWAL).await });
                wharf_http::serve_secure(listener, Secured(tls), app, shutdown, drain).await
            }
        };
        traces.end().await;
        served
    }
}

// === impl ServerBuilder ===

impl ServerBuilder<'_> {
    /// Keeps everything in this driver, whatever the configuration says.
    pub fn driver(mut self, driver: Arc<dyn Driver>) -> Self {
        self.driver = Some(driver);
        self
    }

    /// Serves this registry. The driver then only holds the upload key, and uploads to purge.
    pub fn namespace(mut self, namespace: Arc<dyn Namespace>) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Serves what comes in here, whatever address the configuration names.
    pub fn listener(mut self, listener: impl Into<Listener>) -> Self {
        self.listener = Some(listener.into());
        self
    }

    /// Tells somebody of every request: an access log, or who counts on its own.
    pub fn meter(mut self, meter: Arc<dyn Meter>) -> Self {
        self.meters.push(meter);
        self
    }

    /// Opens the store, puts the registry together, and listens.
    pub async fn bind(self) -> Result<Server, Error> {
        let configuration = self.configuration;
        let storage = &configuration.storage;
        let options = mapping::storage::options(configuration)?;
        let read_only = options.read_only.clone();
        let http = &configuration.http;
        let acme = mapping::acme::manager(http.tls.as_ref()).await?;
        let tls = http.tls.as_ref().map(|tls| mapping::tls::options(tls, http.http2));
        let tls = tls.map(|options| Acceptor::new(&options)).transpose()?;
        let guard = mapping::auth::guard(configuration.auth.as_ref(), http)?;
        // An address that is taken is found out before the store is touched.
        let listener = match self.listener {
            Some(listener) => listener,
            None => mapping::server::listen(http).await?,
        };
        let place = mapping::server::place(http);
        let address = listener.local_addr();
        let address = address.map_err(|source| Error::Listen { address: place, source })?;
        let driver = match self.driver {
            Some(driver) => driver,
            None => mapping::driver::open(&storage.driver, storage.read_only).await?,
        };
        let store = Arc::clone(&driver);
        let notifier = mapping::notifications::notifier(configuration, address);
        let beside = Beside::prepare(configuration, &driver, &notifier).await?;
        let driver = mapping::middleware::wrap(driver, configuration)?;
        let driver = beside.measure(driver);
        let cache = mapping::cache::cache(configuration, beside.redis_times())?;
        let namespace = self.namespace.unwrap_or_else(|| {
            let builder = NamespaceBuilder::with_options(Arc::clone(&driver), options);
            match cache {
                Some(cache) => builder.descriptor_cache(beside.measure_cache(cache)).build(),
                None => builder.build(),
            }
        });
        let lease = match storage.read_only {
            true => None,
            false => store::take_up(&driver).await?,
        };
        let (authorize, desk) = guard.take_up(&store).await?;
        let upload_key = upload_key(configuration, &*driver).await?;
        mapping::notifications::configure(&notifier, &configuration.notifications).await?;
        let namespace = Arc::new(NotifyingNamespace::new(namespace, notifier.clone()));
        let mut options = mapping::http::options(configuration, upload_key, read_only.clone());
        options.origins = notifier.listening();
        options.origins_of_reads = notifier.listening_to_pulls();
        let app = App::guarded(namespace, options, authorize);
        let app = desk.into_iter().fold(app, App::with_desk);
        let app = self.meters.into_iter().fold(app, App::with_meter);
        let app = Arc::new(beside.around(app));
        let schedule = mapping::purge::schedule(&storage.upload_purging);
        Ok(Server {
            control: Control::new(
                read_only,
                Arc::clone(&driver),
                Arc::clone(&app),
                tls.clone(),
                notifier,
                lease,
            ),
            app,
            place: listener.place(),
            listener,
            address,
            tls,
            acme,
            drain: http.drain_timeout,
            purging: schedule.map(|schedule| (driver, schedule)),
            beside,
        })
    }
}

/// The configured key, or the one in the store. A registry that changes nothing starts no uploads,
/// and does with any key.
async fn upload_key(configuration: &Configuration, driver: &dyn Driver) -> Result<Vec<u8>, Error> {
    if let Some(key) = mapping::server::upload_key(&configuration.http) {
        return Ok(key);
    }
    if configuration.storage.read_only {
        return Ok([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat());
    }
    Ok(wharf_storage::upload_key(driver).await?)
}
