//! What of `http` concerns the server itself: its listener, its key and its end.

use tokio::net::TcpListener;
use wharf_config::{Address, Http};

use crate::Error;

pub(crate) const KEYS: &[&str] = &["http.addr", "http.net", "http.secret", "http.draintimeout"];

/// The key that signs the state of uploads, `None` if the store has to have one.
pub(crate) fn upload_key(http: &Http) -> Option<Vec<u8>> {
    http.secret.as_ref().map(|secret| secret.reveal().as_bytes().to_vec())
}

/// Listens on an address. One without a host is every address of the machine: through IPv6 and, by
/// it, IPv4, or through IPv4 alone where there is no IPv6.
pub(crate) async fn listen(address: &Address) -> Result<TcpListener, Error> {
    let port = address.port;
    let listener = match address.host.as_str() {
        "" => match TcpListener::bind(("::", port)).await {
            Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
                TcpListener::bind(("0.0.0.0", port)).await
            }
            result => result,
        },
        host => TcpListener::bind((host, port)).await,
    };
    listener.map_err(|source| Error::Listen { address: address.to_string(), source })
}
