//! A proxy to this machine, for clients that trust whatever runs on it: docker looks at no certificate of an
//! address that begins with 127, and shows none there.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

/// The address by which this machine goes there. It is nobody's: RFC 5737 keeps it for examples.
pub(crate) const HOST: &str = "192.0.2.1";

/// Begins to relay; the URL of the proxy, which ends with the program.
pub(super) fn start() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that goes away is told nothing.
            thread::spawn(move || relay(client).ok());
        }
    });
    Ok(format!("http://{address}"))
}

/// Takes a `CONNECT`, and goes to the same port of this machine.
fn relay(mut client: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 2 {}
    let Some(port) = port(&head) else {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    };
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut back, mut to) = (server.try_clone()?, client);
    let answers = thread::spawn(move || {
        let copied = io::copy(&mut back, &mut to);
        to.shutdown(Shutdown::Both).ok();
        copied
    });
    io::copy(&mut reader, &mut server)?;
    server.shutdown(Shutdown::Write)?;
    answers
        .join()
        .map_err(|_| io::Error::other("the thread of the answers has panicked"))?
        .map(drop)
}

/// The port in `CONNECT 192.0.2.1:PORT HTTP/1.1`; nothing of any other host.
fn port(head: &str) -> Option<u16> {
    let authority = head.strip_prefix("CONNECT ")?.split(' ').next()?;
    authority.strip_prefix(HOST)?.strip_prefix(':')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_led_to() {
        assert_eq!(port("CONNECT 192.0.2.1:5000 HTTP/1.1\r\nHost: x\r\n\r\n"), Some(5000));
        for other in
            ["CONNECT 192.0.2.10:5000 HTTP/1.1", "CONNECT a:1 HTTP/1.1", "GET / HTTP/1.1", ""]
        {
            assert_eq!(port(other), None, "{other}");
        }
    }

    #[test]
    fn bytes_go_both_ways() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        let proxy = start().unwrap();
        let mut client = TcpStream::connect(proxy.trim_start_matches("http://")).unwrap();
        write!(client, "CONNECT {HOST}:{port} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\nhello")
            .unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut asked, _) = server.accept().unwrap();
        assert_eq!(io::read_to_string(&mut asked).unwrap(), "hello");
        asked.write_all(b"world").unwrap();
        drop(asked);
        let answer = io::read_to_string(&mut client).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("world"), "{answer}");
    }
}
