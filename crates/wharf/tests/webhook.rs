//! Webhooks get every event, in order, whatever happens to them and to the server.
//!
//! The receiver fails at random, in every way that a receiver can, and the server is killed (`kill -9`)
//! three times while clients push. `WHARF_WEBHOOK_EVENTS` sets how many pushes are acknowledged before
//! the end, 400 without it; the run that is reported in docs/notifications.md has 10,000.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use wharf_digest::{Digest, hmac};
use wharf_testkit::{
    image::{self, MANIFEST, Random},
    process::Server,
    raw::Client,
};

const PUSHERS: u64 = 4;
const KILLS: u64 = 3;
const SECRET: &str = "a secret of both";
const CONFIG: &[u8] = b"config";
const LAYER: &[u8] = b"layer";

/// Longer than any wait takes, and shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(600);

/// A webhook that fails at random.
struct Receiver {
    address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
    /// How many of a hundred tries fail.
    failing: Arc<AtomicU64>,
}

/// What a receiver was sent and has acknowledged.
#[derive(Default)]
struct Taken {
    /// The tag and id of each event, in order.
    events: Vec<(String, String)>,
    tries: u64,
}

/// What clients were promised: the tags of each of them, in order.
type Promised = Arc<Mutex<BTreeMap<u64, Vec<String>>>>;

#[test]
fn every_acknowledged_push_is_told_at_least_once_and_in_order() {
    let events = env::var("WHARF_WEBHOOK_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let folder = tempfile::tempdir().unwrap();
    let receivers = [Receiver::start(35), Receiver::start(5)];
    let config = write_config(folder.path(), &receivers);
    let promised = Promised::default();
    let (mut most, begun) = (0, Instant::now());
    for round in 0..=KILLS {
        let server = Server::start(env!("CARGO_BIN_EXE_wharf").as_ref(), &config).unwrap();
        if round == 0 {
            push_blobs(server.address());
        }
        let target = events * (round + 1) / (KILLS + 1);
        most = most.max(push_until(&server, &promised, round, target));
        if round < KILLS {
            server.kill().unwrap();
            continue;
        }
        let all: BTreeSet<_> = lock(&promised).values().flatten().cloned().collect();
        for receiver in &receivers {
            receiver.failing.store(2, SeqCst);
            receiver.wait_for(&all, &server, &mut most);
        }
    }
    let told = receivers.each_ref().map(|receiver| receiver.check(&lock(&promised)));
    let took = begun.elapsed();
    let count: usize = lock(&promised).values().map(Vec::len).sum();
    println!(
        "{count} acknowledged pushes, {KILLS} kills, {took:.1?}: {told:?}; the server held {most} kB \
         at most"
    );
    assert!(most < 100_000, "the server held {most} kB");
}

// === what clients do ===

/// Pushes manifests until so many are acknowledged; the most memory that the server had, in kB.
fn push_until(server: &Server, promised: &Promised, round: u64, target: u64) -> u64 {
    let stop = Arc::new(AtomicBool::new(false));
    let address = server.address();
    let pushers: Vec<_> = (0..PUSHERS)
        .map(|pusher| {
            let (promised, stop) = (Arc::clone(promised), Arc::clone(&stop));
            thread::spawn(move || {
                let mut client = Client::new(address);
                let mut number = 0;
                while !stop.load(SeqCst) {
                    let tag = format!("p{pusher}-r{round}-n{number:06}");
                    number += 1;
                    // An error means that the server is gone.
                    let Ok(()) = push(&mut client, &tag) else { return };
                    lock(&promised).entry(pusher).or_default().push(tag);
                }
            })
        })
        .collect();
    let (mut most, begun) = (0, Instant::now());
    while (lock(promised).values().map(Vec::len).sum::<usize>() as u64) < target {
        assert!(begun.elapsed() < PATIENCE, "pushing takes too long");
        most = most.max(memory(server));
        thread::sleep(Duration::from_millis(20));
    }
    if round == KILLS {
        stop.store(true, SeqCst);
    } else {
        // The kill comes while they push: they end when the server is gone.
        thread::spawn(move || {
            for pusher in pushers {
                pusher.join().unwrap();
            }
        });
        return most;
    }
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    most
}

/// What the manifest needs.
fn push_blobs(address: SocketAddr) {
    for blob in [CONFIG, LAYER] {
        let path = format!("/v2/webhook/blobs/uploads/?digest={}", Digest::sha256(blob));
        let answer = Client::new(address).request("POST", &path, &[], blob).unwrap();
        assert_eq!(answer.status, 201);
    }
}

/// One push of a tag is one event.
fn push(client: &mut Client, tag: &str) -> io::Result<()> {
    let path = format!("/v2/webhook/manifests/{tag}");
    let manifest = image::manifest(CONFIG, LAYER);
    let answer = client.request("PUT", &path, &[("Content-Type", MANIFEST)], &manifest)?;
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    Ok(())
}

/// What the server holds in memory, in kB.
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn write_config(folder: &Path, receivers: &[Receiver]) -> std::path::PathBuf {
    let endpoint = |(number, receiver): (usize, &Receiver)| {
        let address = receiver.address;
        format!(
            "    - {{name: r{number}, url: \"http://{address}/events\", timeout: 200ms, threshold: 3, \
             backoff: 5ms, secret: {SECRET}, ignore: {{actions: [pull]}}}}\n"
        )
    };
    let endpoints: String = receivers.iter().enumerate().map(endpoint).collect();
    let data = folder.join("data");
    let file = folder.join("config.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage:\n  filesystem: {{rootdirectory: {}}}\n\
         http: {{addr: \"127.0.0.1:0\"}}\nnotifications:\n  endpoints:\n{endpoints}",
        data.display()
    );
    fs::write(&file, text).unwrap();
    file
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

// === impl Receiver ===

impl Receiver {
    fn start(failing: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(Mutex::new(Taken::default()));
        let failing = Arc::new(AtomicU64::new(failing));
        let receiver = Self { address, taken: Arc::clone(&taken), failing: Arc::clone(&failing) };
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let (taken, failing) = (Arc::clone(&taken), Arc::clone(&failing));
                let random = Random(failing.load(SeqCst) << 32 | number as u64);
                // A connection ends when either side has had enough of it.
                thread::spawn(move || serve(&stream, &taken, &failing, random).ok());
            }
        });
        receiver
    }

    /// Waits until it was told of all these tags.
    fn wait_for(&self, tags: &BTreeSet<String>, server: &Server, most: &mut u64) {
        let begun = Instant::now();
        loop {
            let told: BTreeSet<_> =
                lock(&self.taken).events.iter().map(|(tag, _)| tag.clone()).collect();
            let Some(missing) = tags.difference(&told).next() else { return };
            assert!(begun.elapsed() < PATIENCE, "{missing} was never told, nor the rest");
            *most = (*most).max(memory(server));
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a client pushed is told in the order in which it did: an event that was told for the first
    /// time never comes after a later one. Says how many events came, and how many of them again.
    fn check(&self, promised: &BTreeMap<u64, Vec<String>>) -> String {
        let taken = lock(&self.taken);
        let mut first = Vec::new();
        let mut ids = BTreeMap::new();
        for (tag, id) in &taken.events {
            if let Some(known) = ids.insert(tag, id) {
                assert_eq!(known, id, "{tag}: an event that is told again is the same event");
            } else {
                first.push(tag);
            }
        }
        for (pusher, tags) in promised {
            let prefix = format!("p{pusher}-");
            // Those that were told and not acknowledged were under way when the server was killed.
            let acknowledged: BTreeSet<_> = tags.iter().collect();
            let told = first.iter().copied();
            let told: Vec<_> =
                told.filter(|tag| tag.starts_with(&prefix) && acknowledged.contains(tag)).collect();
            assert_eq!(told, tags.iter().collect::<Vec<_>>(), "in order");
        }
        let (all, again) = (taken.events.len(), taken.events.len() - ids.len());
        format!("{all} events in {} tries, {again} of them again", taken.tries)
    }
}

/// Answers requests on a connection, some of them badly.
fn serve(
    stream: &TcpStream,
    taken: &Mutex<Taken>,
    failing: &AtomicU64,
    mut random: Random,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let (signature, body) = request(&mut reader)?;
        lock(taken).tries += 1;
        if random.below(100) < failing.load(SeqCst) {
            match random.below(10) {
                0 | 1 => return Ok(()),
                2 | 3 => writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Le")?,
                4 => thread::sleep(Duration::from_millis(300)),
                _ => {
                    writer.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")?;
                    continue;
                }
            }
            return Ok(());
        }
        let expected = hmac::plain(SECRET.as_bytes(), &body);
        let expected: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signature, format!("sha256={expected}"));
        let envelope: serde_json::Value = serde_json::from_slice(&body)?;
        let event = &envelope["events"][0];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        // The blobs have none, and count for nothing.
        if !event["target"]["tag"].is_null() {
            let digest = Digest::sha256(&image::manifest(CONFIG, LAYER)).to_string();
            assert_eq!(event["target"]["digest"], digest);
            // What is answered may still be lost on its way: then it comes again.
            lock(taken).events.push((text(&event["target"]["tag"]), text(&event["id"])));
        }
        writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

/// The signature and the body of a request.
fn request(reader: &mut BufReader<&TcpStream>) -> io::Result<(String, Vec<u8>)> {
    let (mut length, mut signature) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "wharf-signature" => value.clone_into(&mut signature),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((signature, body))
}
