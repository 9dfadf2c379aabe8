//! `wharf health`: whether the registry of a configuration answers, for containers without a shell.

use std::{
    error::Error,
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use wharf_config::{Address, Http};

use crate::{called, flags::Flags, load};

/// How long each step may take.
const LIMIT: Duration = Duration::from_secs(5);

/// More than the status line of any answer.
const ENOUGH: u64 = 64;

/// Fails unless the registry of a configuration, or of what a process serves, answers that it is one.
pub(crate) fn health(config: Option<PathBuf>, pid: Option<u32>) -> Result<(), Box<dyn Error>> {
    let (config, flags) = match pid {
        Some(pid) => called::served_by(pid)?,
        None => (config, Flags::default()),
    };
    let found = load::load_with(config.as_deref(), flags.variables()?)?;
    let http = &found.loaded.configuration.http;
    let (place, said) = match &http.socket {
        Some(socket) => (socket.display().to_string(), ask_at(socket, http)),
        None => {
            let address = reachable(&http.address);
            (address.to_string(), ask_on(&address, http))
        }
    };
    let said = said.map_err(|error| format!("no registry at {place}: {error}"))?;
    writeln!(io::stdout(), "{place}: {said}")?;
    Ok(())
}

/// The address by which this machine reaches a server that listens on all of its addresses.
fn reachable(address: &Address) -> Address {
    let host = match address.host.as_str() {
        "" | "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    Address { host: host.to_owned(), port: address.port }
}

fn ask_at(socket: &Path, http: &Http) -> Result<String, Box<dyn Error>> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    ask(stream, "localhost", http)
}

fn ask_on(address: &Address, http: &Http) -> Result<String, Box<dyn Error>> {
    let stream = connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    ask(stream, &address.to_string(), http)
}

fn ask(mut stream: impl Read + Write, host: &str, http: &Http) -> Result<String, Box<dyn Error>> {
    if http.tls.is_some() {
        // Whose certificate it is, is not ours to say.
        return Ok("accepts connections".to_owned());
    }
    let prefix = &http.prefix;
    write!(
        stream,
        "GET {prefix}v2/ HTTP/1.1\r\nHost: {host}\r\nUser-Agent: wharf-health\r\n\
         Connection: close\r\n\r\n"
    )?;
    let mut start = Vec::new();
    stream.take(ENOUGH).read_to_end(&mut start)?;
    judge(&String::from_utf8_lossy(&start))
}

fn connect(address: &Address) -> io::Result<TcpStream> {
    let mut failure = io::Error::other("the name has no address");
    for address in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, LIMIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// A registry that wants to know who asks is as well as one that does not.
fn judge(answer: &str) -> Result<String, Box<dyn Error>> {
    let line = answer.lines().next().unwrap_or_default();
    let status = line.strip_prefix("HTTP/1.1 ").unwrap_or_default();
    match status.get(..3) {
        Some("200" | "401") => Ok(status.to_owned()),
        _ if line.is_empty() => Err("it closed the connection without an answer".into()),
        _ => Err(format!("it answered {line:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_told_from_what_is_none() {
        for good in ["HTTP/1.1 200 OK\r\nContent-Type: x", "HTTP/1.1 401 Unauthorized\r\n"] {
            assert!(judge(good).is_ok(), "{good}");
        }
        for bad in ["", "HTTP/1.1 503 Service Unavailable\r\n", "SSH-2.0", "HTTP/1.1 2", "é"] {
            assert!(judge(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_address_is_asked_by_one_that_can_be_reached() {
        for (host, asked) in
            [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.1", "10.0.0.1")]
        {
            let address = Address { host: host.to_owned(), port: 5000 };
            assert_eq!(reachable(&address).host, asked);
        }
    }
}
