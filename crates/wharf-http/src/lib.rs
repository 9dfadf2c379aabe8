//! Serves any registry over HTTP/1.1 and HTTP/2: the whole API of the OCI distribution
//! specification and of docker/distribution.
//!
//! An [`App`] answers requests out of a [`Namespace`](wharf_core::Namespace): a directory, a remote
//! registry, something in memory. It knows nothing of sockets. [`serve()`] accepts connections for
//! it, with time-outs, limits and an orderly end.
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//! use wharf_http::{App, Options};
//!
//! # async fn example(namespace: Arc<dyn wharf_core::Namespace>) -> std::io::Result<()> {
//! let options = Options { upload_key: b"a secret that replicas share".to_vec(), ..Options::default() };
//! let app = Arc::new(App::new(namespace, options));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:5000").await?;
//! wharf_http::serve(listener, app, std::future::pending(), Duration::from_secs(10)).await
//! # }
//! ```
//!
//! What is decided here and nowhere else: which error code a condition has (`errors.rs`), where a
//! client is sent (`location.rs`), who may write to an upload (`state.rs`), how much memory slow
//! clients cost (`region.rs`), and how much of the server anybody may take up (`traffic.rs`).

mod access;
mod answer;
mod app;
mod authorize;
mod body;
mod call;
mod client;
mod conditional;
mod connection;
mod crowd;
mod desk;
mod endpoints;
mod errors;
mod frames;
mod incoming;
mod limits;
mod listener;
mod location;
mod measure;
mod options;
mod origin;
mod pace;
mod page;
mod pages;
mod protocol;
mod region;
mod request_id;
mod running;
mod sendfile;
mod serve;
mod session;
mod state;
mod tally;
mod trace;
mod traffic;
mod transport;
mod window;

pub use access::{AccessFormat, AccessLog};
pub use app::{App, Gate};
pub use body::{Body, Measured, Payload};
pub use limits::Limits;
pub use listener::Listener;
pub use measure::{Ended, Meter};
pub use options::{Options, Timeouts};
pub use pages::{Page, Pages, listen_for_pages, serve_pages};
pub use region::{ReadBudget, RegionReader};
pub use serve::{serve, serve_secure};
pub use trace::{Parent, RequestNames};
pub use transport::{Handshake, Secure};
pub use wharf_auth::{AllowAll, Ask, Authorize, Denial, Grant};
