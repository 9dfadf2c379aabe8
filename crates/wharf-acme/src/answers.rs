//! `http-01`: answers at a port without TLS, from which everybody else is sent to `https`.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

/// The answers, and the port where they are given.
pub struct Answers {
    listener: TcpListener,
    given: Given,
}

/// The answers by their tokens.
#[derive(Clone, Default)]
pub(crate) struct Given(Arc<Mutex<HashMap<String, String>>>);

const PATH: &str = "/.well-known/acme-challenge/";

/// No request is longer, in bytes.
const LONGEST: usize = 8 << 10;

/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most clients at a time; others wait.
const MOST: usize = 64;

// === impl Answers ===

impl Answers {
    /// Listens at an address such as `0.0.0.0:80`.
    pub async fn listen(address: impl tokio::net::ToSocketAddrs) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, given: Given::default() })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) fn given(&self) -> Given {
        self.given.clone()
    }

    /// Answers for ever.
    pub(crate) async fn serve(self) {
        let room = Arc::new(Semaphore::new(MOST));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((stream, _)) = self.listener.accept().await else {
                sleep(Duration::from_millis(200)).await;
                continue;
            };
            let given = self.given.clone();
            tokio::spawn(async move {
                // Whoever does not wait for the answer does not want it.
                let _ = timeout(PATIENCE, converse(stream, &given)).await;
                drop(permit);
            });
        }
    }
}

async fn converse(mut stream: TcpStream, given: &Given) -> io::Result<()> {
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count if head.len() + count > LONGEST => return Ok(()),
            count => head.extend_from_slice(&buffer[..count]),
        }
    }
    let answer = given.answer(&String::from_utf8_lossy(&head));
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

// === impl Given ===

impl Given {
    pub(crate) fn set(&self, token: &str, answer: &str) {
        self.lock().insert(token.to_owned(), answer.to_owned());
    }

    pub(crate) fn remove(&self, token: &str) {
        self.lock().remove(token);
    }

    /// The answer to the head of a request.
    fn answer(&self, head: &str) -> String {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if let Some(token) = path.strip_prefix(PATH) {
            return match self.lock().get(token) {
                Some(answer) => respond("200 OK", "content-type: text/plain\r\n", answer),
                None => respond("404 Not Found", "", ""),
            };
        }
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim().to_owned())
        };
        let host = head.lines().find_map(header).unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        let plain = |text: &str, also: &[u8]| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
        };
        let known = !host.is_empty() && plain(host, b"-._") && path.starts_with('/');
        match known && plain(path, b"-._~/?=&%:+,") {
            true => {
                let location = format!("location: https://{host}{path}\r\n");
                respond("308 Permanent Redirect", &location, "")
            }
            false => respond("400 Bad Request", "", ""),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn respond(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &Given, head: &str, expected: &str) {
        let answer = given.answer(head);
        assert!(answer.contains(expected), "{head}: {answer}");
    }

    #[test]
    fn answers_are_given_and_others_are_sent_away() {
        let given = Given::default();
        given.set("abc", "abc.thumb");
        let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: r.example:80\r\n\r\n");
        check(&given, &ask("/.well-known/acme-challenge/abc"), "\r\n\r\nabc.thumb");
        check(&given, &ask("/.well-known/acme-challenge/ab"), " 404 ");
        check(&given, &ask("/v2/?n=1"), "location: https://r.example/v2/?n=1\r\n");
        check(&given, "GET / HTTP/1.1\r\n\r\n", " 400 ");
        check(&given, "GET / HTTP/1.1\r\nhost: a\"b\r\n\r\n", " 400 ");
        check(&given, "GET //x\"y HTTP/1.1\r\nhost: a\r\n\r\n", " 400 ");
        check(&given, "", " 400 ");
        given.remove("abc");
        check(&given, &ask("/.well-known/acme-challenge/abc"), " 404 ");
    }

    #[tokio::test]
    async fn it_is_served_over_a_connection() {
        let answers = Answers::listen("127.0.0.1:0").await.unwrap();
        let (address, given) = (answers.local_addr().unwrap(), answers.given());
        given.set("t", "right");
        let serving = tokio::spawn(answers.serve());
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /.well-known/acme-challenge/t HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("right"), "{answer}");
        serving.abort();
    }
}
