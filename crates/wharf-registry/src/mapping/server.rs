//! What of `http` concerns the server itself: its listener, its key and its end.

use std::{
    fs, io,
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::Path,
};

use tokio::net::{TcpListener, UnixListener};
use wharf_config::{Address, Http};
use wharf_http::Listener;

use crate::Error;

pub(crate) const KEYS: &[&str] = &["http.addr", "http.net", "http.secret", "http.draintimeout"];

/// The key that signs the state of uploads, `None` if the store has to have one.
pub(crate) fn upload_key(http: &Http) -> Option<Vec<u8>> {
    http.secret.as_ref().map(|secret| secret.reveal().as_bytes().to_vec())
}

/// Where a server listens, for its operator.
pub(crate) fn place(http: &Http) -> String {
    match &http.socket {
        Some(path) => path.display().to_string(),
        None => http.address.to_string(),
    }
}

/// Listens on a port or a socket file.
pub(crate) async fn listen(http: &Http) -> Result<Listener, Error> {
    let listener = match &http.socket {
        Some(path) => listen_at(path).map(Listener::from),
        None => listen_on(&http.address).await.map(Listener::from),
    };
    listener.map_err(|source| Error::Listen { address: place(http), source })
}

/// An address without a host is every address of the machine: through IPv6 and, by it, IPv4, or
/// through IPv4 alone where there is no IPv6.
async fn listen_on(address: &Address) -> io::Result<TcpListener> {
    let port = address.port;
    match address.host.as_str() {
        "" => match TcpListener::bind(("::", port)).await {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind(("0.0.0.0", port)).await
            }
            result => result,
        },
        host => TcpListener::bind((host, port)).await,
    }
}

/// A socket file that nobody listens at any more was left behind, and is replaced.
fn listen_at(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        result => result,
    }
}

fn is_left_behind(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).is_err_and(refused)
}
