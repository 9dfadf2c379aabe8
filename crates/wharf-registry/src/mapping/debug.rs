//! `http.debug` → the address and the pages of [`crate::debug`].

use tokio::net::TcpListener;
use wharf_config::Debug;
use wharf_http::listen_for_pages;

use crate::Error;

pub(crate) const KEYS: &[&str] =
    &["http.debug.addr", "http.debug.prometheus.enabled", "http.debug.prometheus.path"];

/// Listens for those who want pages.
pub(crate) async fn listen(debug: &Debug) -> Result<TcpListener, Error> {
    let address = &debug.address;
    let listener = listen_for_pages((&address.host, address.port)).await;
    listener.map_err(|source| Error::Listen { address: format!("{address} (http.debug)"), source })
}
