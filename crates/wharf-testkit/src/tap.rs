//! A tap on the connections to an HTTP/1.1 server: what goes through is passed on untouched, so that
//! signatures stay good, and each request is written down.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// A tap, until the value is dropped.
pub struct Tap {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    ended: Arc<AtomicBool>,
}

/// The head of a request that went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `GET`.
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    /// The names in lower case.
    pub headers: Vec<(String, String)>,
}

// === impl Tap ===

impl Tap {
    /// Listens on a free port of the loopback interface for a server.
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let tap = Self { address, seen: Arc::default(), ended: Arc::default() };
        let (seen, ended) = (Arc::clone(&tap.seen), Arc::clone(&tap.ended));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let seen = Arc::clone(&seen);
                // Whoever breaks off is not our concern.
                std::thread::spawn(move || connect(client, server, &seen).ok());
            }
        });
        Ok(tap)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has gone through since the last time it was asked.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // It waits for a connection, and ends with this one.
        TcpStream::connect(self.address).ok();
    }
}

/// Each end that is closed closes the other one.
fn connect(client: TcpStream, server: SocketAddr, seen: &Mutex<Vec<Seen>>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        io::copy(&mut answers, &mut back).ok();
        back.shutdown(Shutdown::Both).ok();
    });
    let result = forward(&mut BufReader::new(client), &server, seen);
    server.shutdown(Shutdown::Write).ok();
    result
}

fn forward(
    from: &mut BufReader<TcpStream>,
    mut to: &TcpStream,
    seen: &Mutex<Vec<Seen>>,
) -> io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if from.read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        let request = Seen::parse(&String::from_utf8_lossy(&head));
        let length = request.header("content-length").and_then(|value| value.parse().ok());
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        to.write_all(&head)?;
        io::copy(&mut from.take(length.unwrap_or(0)), &mut to)?;
    }
}

// === impl Seen ===

impl Seen {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of a key of the query, as it came.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn parse(head: &str) -> Self {
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, target) = (word(), word());
        let pairs = lines.filter_map(|line| line.split_once(':'));
        let headers = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().into()));
        Self { method, target, headers: headers.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        double::{Double, Response},
        raw::Client,
    };

    #[test]
    fn requests_go_through_and_are_written_down() {
        let double = Double::start(|request| Response::of(200).body(request.body.clone()));
        let double = double.expect("a port");
        let tap = Tap::start(double.address()).expect("a port");
        let mut client = Client::new(tap.address());
        for body in ["one", "", "three"] {
            let answer = client.request("PUT", "/a?b&c=d", &[("X-E", "f")], body.as_bytes());
            assert_eq!(answer.expect("an answer").body, body.as_bytes());
        }
        let seen = tap.take();
        assert_eq!(seen.len(), 3);
        assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("PUT", "/a?b&c=d"));
        assert_eq!((seen[0].query("b"), seen[0].query("c")), (Some(""), Some("d")));
        assert_eq!((seen[0].header("x-e"), seen[0].query("e")), (Some("f"), None));
        assert_eq!(tap.take(), []);
    }
}
