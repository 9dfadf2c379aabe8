//! Kill -9 at random moments while several clients push, a new process each time.
//!
//! After every kill: what was acknowledged is there and intact, nothing is served that does not match
//! its digest, and every upload that was begun and not finished goes on from the offset that the server
//! reports. `WHARF_CRASH_KILLS` sets the number of kills, 40 without it.

use std::{
    collections::BTreeMap,
    env, io, mem,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use wharf_digest::Digest;
use wharf_testkit::{
    image::{self, MANIFEST, Random},
    process::{Server, write_config},
    raw::{Client, Response},
};

const PUSHERS: u64 = 4;

/// What the clients know: what they were promised, and what they had begun.
#[derive(Default)]
struct Ledger {
    blobs: BTreeMap<Digest, String>,
    manifests: BTreeMap<Digest, String>,
    tags: BTreeMap<(String, String), Digest>,
    /// Where a tag may point instead, because the push that moves it was not answered.
    moving: BTreeMap<(String, String), Digest>,
    uploads: BTreeMap<String, Begun>,
}

/// An upload whose `POST` was answered.
struct Begun {
    repository: String,
    content: Vec<u8>,
    closing: bool,
}

#[test]
fn kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let kills = env::var("WHARF_CRASH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = write_config(folder.path()).expect("write the configuration");
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut random = Random(0x5eed_cafe);
    let (mut resumed, mut acknowledged, mut patience) = (0, 0, 1);
    for round in 0..kills {
        let server = start(&config);
        resumed += finish_uploads(server.address(), &ledger);
        verify(server.address(), &ledger, false);
        let life = Duration::from_millis((20 + random.below(130)) * patience);
        push_until_killed(server, &ledger, round, life);
        // Where the disk is slow, a server lives longer, so that it comes to acknowledge whole pushes.
        let before = mem::replace(&mut acknowledged, entries(&ledger).manifests.len());
        patience =
            if acknowledged > before { (patience / 2).max(1) } else { (patience * 2).min(64) };
    }
    let server = start(&config);
    resumed += finish_uploads(server.address(), &ledger);
    verify(server.address(), &ledger, true);
    let ledger = entries(&ledger);
    println!(
        "{kills} kills: {} blobs, {} manifests, {} tags intact, {resumed} uploads resumed",
        ledger.blobs.len(),
        ledger.manifests.len(),
        ledger.tags.len()
    );
    assert!(!ledger.manifests.is_empty(), "no push was ever acknowledged");
    assert!(resumed > 0, "no upload was ever interrupted");
}

// === what the clients do ===

fn push_until_killed(server: Server, ledger: &Arc<Mutex<Ledger>>, round: u64, after: Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let address = server.address();
    let pushers: Vec<_> = (0..PUSHERS)
        .map(|pusher| {
            let (ledger, stop) = (Arc::clone(ledger), Arc::clone(&stop));
            thread::spawn(move || {
                let mut random = Random((round << 8) + pusher + 1);
                let mut client = Client::new(address);
                // An error means that the server is gone.
                while !stop.load(Ordering::Relaxed)
                    && push_image(&mut client, &ledger, &mut random, pusher).is_ok()
                {
                }
            })
        })
        .collect();
    thread::sleep(after);
    server.kill().expect("kill");
    stop.store(true, Ordering::Relaxed);
    pushers
        .into_iter()
        .for_each(|pusher| pusher.join().expect("no assertion failed while pushing"));
}

fn push_image(
    client: &mut Client,
    ledger: &Mutex<Ledger>,
    random: &mut Random,
    pusher: u64,
) -> io::Result<()> {
    let repository = format!("crash/p{pusher}");
    let config = random.bytes(200);
    let magnitude = 6 + random.below(15);
    let layer_size = 2 + random.below(1 << magnitude);
    let layer = random.bytes(layer_size as usize);
    push_blob(client, ledger, random, &repository, config.clone())?;
    push_blob(client, ledger, random, &repository, layer.clone())?;
    let manifest = image::manifest(&config, &layer);
    let digest = Digest::sha256(&manifest);
    let unique = format!("t{}", digest.encoded());
    for tag in [unique.as_str(), "latest"] {
        let key = (repository.clone(), tag.to_owned());
        entries(ledger).moving.insert(key.clone(), digest);
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = client.request("PUT", &path, &[("Content-Type", MANIFEST)], &manifest)?;
        assert_eq!(answer.status, 201, "{answer:?}");
        let mut ledger = entries(ledger);
        ledger.moving.remove(&key);
        ledger.tags.insert(key, digest);
        ledger.manifests.insert(digest, repository.clone());
    }
    Ok(())
}

/// Pushes a blob in one of several ways; its session is in the ledger from the answer to the `POST` on.
fn push_blob(
    client: &mut Client,
    ledger: &Mutex<Ledger>,
    random: &mut Random,
    repository: &str,
    content: Vec<u8>,
) -> io::Result<()> {
    let digest = Digest::sha256(&content);
    let answer = client.request("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"")?;
    assert_eq!(answer.status, 202, "{answer:?}");
    let mut location = answer.location().expect("Location").to_owned();
    let session = location.split('?').next().expect("a path").to_owned();
    let begun =
        Begun { repository: repository.to_owned(), content: content.clone(), closing: false };
    entries(ledger).uploads.insert(session.clone(), begun);

    // A first chunk has two bytes at least: `Range: 0-0` means one byte as well as none.
    let chunks = random.below(4);
    let mut sent = 0;
    for _ in 0..chunks {
        let end = (sent + 2 + random.below(content.len() as u64) as usize).min(content.len());
        if end == sent {
            break;
        }
        let range = format!("{sent}-{}", end - 1);
        let answer = client.request(
            "PATCH",
            &location,
            &[("Content-Range", &range)],
            &content[sent..end],
        )?;
        assert_eq!(answer.status, 202, "{answer:?}");
        location = answer.location().expect("Location").to_owned();
        sent = end;
    }
    mark_closing(ledger, &session);
    let answer = client.request("PUT", &closing(&location, &digest), &[], &content[sent..])?;
    assert_eq!(answer.status, 201, "{answer:?}");
    let mut ledger = entries(ledger);
    ledger.uploads.remove(&session);
    ledger.blobs.insert(digest, repository.to_owned());
    Ok(())
}

// === what must hold afterwards ===

/// Takes every interrupted upload up where the server says, and finishes it.
fn finish_uploads(address: SocketAddr, ledger: &Mutex<Ledger>) -> u64 {
    let uploads = std::mem::take(&mut entries(ledger).uploads);
    let mut client = Client::new(address);
    let mut resumed = 0;
    for (session, begun) in uploads {
        let digest = Digest::sha256(&begun.content);
        let status = client.request("GET", &session, &[], b"").expect("status");
        match status.status {
            204 => {
                resume(&mut client, &status, &begun.content, &digest);
                resumed += 1;
            }
            404 if begun.closing => {} // Closed, though the answer was lost: it has to be there.
            other => panic!("upload {session} (closing: {}) answers {other}", begun.closing),
        }
        entries(ledger).blobs.insert(digest, begun.repository);
    }
    resumed
}

fn resume(client: &mut Client, status: &Response, content: &[u8], digest: &Digest) {
    let from = status.range_end().expect("Range") as usize;
    assert!(from <= content.len(), "the server reports {from} of {} bytes", content.len());
    let location = status.location().expect("Location").to_owned();
    let range = format!("{from}-{}", content.len().max(1) - 1);
    let mut location = location;
    if from < content.len() {
        let answer = client
            .request("PATCH", &location, &[("Content-Range", &range)], &content[from..])
            .expect("PATCH");
        assert_eq!(answer.status, 202, "{answer:?}");
        location = answer.location().expect("Location").to_owned();
    }
    let answer = client.request("PUT", &closing(&location, digest), &[], b"").expect("PUT");
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Reads back what was acknowledged: all of it, or a sample.
fn verify(address: SocketAddr, ledger: &Mutex<Ledger>, everything: bool) {
    let mut ledger = entries(ledger);
    let mut client = Client::new(address);
    let most = if everything { usize::MAX } else { 25 };
    for (digest, repository) in ledger.blobs.iter().take(most) {
        let answer = get(&mut client, &format!("/v2/{repository}/blobs/{digest}"));
        assert_eq!(Digest::sha256(&answer.body), *digest, "blob of {repository}");
    }
    for (digest, repository) in ledger.manifests.iter().take(most) {
        let answer = get(&mut client, &format!("/v2/{repository}/manifests/{digest}"));
        assert_eq!(Digest::sha256(&answer.body), *digest, "manifest of {repository}");
    }
    let moving = std::mem::take(&mut ledger.moving);
    for (key @ (repository, tag), digest) in &mut ledger.tags {
        if !everything && tag != "latest" {
            continue;
        }
        let answer = get(&mut client, &format!("/v2/{repository}/manifests/{tag}"));
        let found = Digest::sha256(&answer.body);
        let expected = found == *digest || moving.get(key) == Some(&found);
        assert!(expected, "{repository}:{tag} is {found}, not {digest}");
        *digest = found;
    }
}

fn get(client: &mut Client, path: &str) -> Response {
    let answer = client.request("GET", path, &[], b"").expect("GET");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer
}

// === helpers ===

fn entries(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().expect("no client has failed")
}

fn mark_closing(ledger: &Mutex<Ledger>, session: &str) {
    let mut ledger = entries(ledger);
    ledger.uploads.get_mut(session).expect("the session was entered").closing = true;
}

fn closing(location: &str, digest: &Digest) -> String {
    let joint = if location.contains('?') { '&' } else { '?' };
    format!("{location}{joint}digest={digest}")
}

fn start(config: &Path) -> Server {
    Server::start(Path::new(env!("CARGO_BIN_EXE_wharf")), config).expect("the server starts")
}
