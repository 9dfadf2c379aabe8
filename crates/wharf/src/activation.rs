//! A socket that was opened for us: by systemd, which then starts us with the first connection.

use std::{error::Error, io};

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};
use wharf_registry::http::Listener;

/// The socket that was passed, if one was (`LISTEN_FDS` of sd_listen_fds(3)). Must be called in a
/// runtime.
pub(crate) fn listener() -> Result<Option<Listener>, Box<dyn Error>> {
    let mut passed = ListenFd::from_env();
    match passed.len() {
        0 => return Ok(None),
        1 => {}
        number => return Err(format!("{number} sockets were passed, only one is served").into()),
    }
    let listener = take(&mut passed).map_err(|error| format!("the socket passed: {error}"))?;
    Ok(Some(listener))
}

fn take(passed: &mut ListenFd) -> io::Result<Listener> {
    if let Ok(Some(tcp)) = passed.take_tcp_listener(0) {
        tcp.set_nonblocking(true)?;
        return Ok(TcpListener::from_std(tcp)?.into());
    }
    let unix = passed.take_unix_listener(0)?.ok_or(io::ErrorKind::NotFound)?;
    unix.set_nonblocking(true)?;
    Ok(UnixListener::from_std(unix)?.into())
}
