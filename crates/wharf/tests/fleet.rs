//! Three replicas over one object store, behind nginx, without sticky sessions, while one of them is
//! killed with -9 every few seconds: whatever was acknowledged is intact, and whatever was not goes on
//! from the offset that any replica reports, or is pushed again.
//!
//! Where skopeo is installed, it pushes too: it does not resume, so an image of its may take several tries.
//! Where docker is installed, it pushes and pulls through replicas that stay alive.
//!
//! It needs a store (`WHARF_TEST_S3` or `WHARF_TEST_AZURE`, which `cargo xtask services run s3 redis --
//! cargo test -p wharf --test fleet` sets) and nginx; without them it says so and does nothing. Where
//! there is a redis (`WHARF_TEST_REDIS`), it is the descriptor cache of all replicas.
//! `WHARF_FLEET_SECONDS` is how long it lasts, 20 without it.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use wharf_digest::Digest;
use wharf_testkit::{
    image::{self, MANIFEST, Random},
    process::Server,
    raw::{Client, Response},
};

#[path = "fleet/docker.rs"]
mod docker;

use docker::Daemon;

const REPLICAS: usize = 3;
const PUSHERS: u64 = 6;

/// How long a replica lives before it is killed, and how long it stays away.
const LIFE: Duration = Duration::from_millis(2500);
const DEATH: Duration = Duration::from_millis(500);

/// How long one step of a push may be tried again and again.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// The replicas, and what is in front of them.
struct Fleet {
    folder: tempfile::TempDir,
    replicas: Vec<Option<Server>>,
    front: Child,
    address: SocketAddr,
}

/// What the pushers were promised, and what they went through.
#[derive(Default)]
struct Ledger {
    manifests: Mutex<Vec<(String, Digest, Vec<Digest>)>>,
    resumed: AtomicU64,
    restarted: AtomicU64,
    /// Images that skopeo has pushed, and copies that it gave up.
    copied: AtomicU64,
    given_up: AtomicU64,
}

/// A client that pushes images until the time is over.
struct Pusher<'a> {
    client: Client,
    repository: String,
    ledger: &'a Ledger,
    random: Random,
}

#[test]
fn replicas_may_die_at_any_moment() {
    let Some(storage) = storage() else {
        eprintln!("skipped: neither WHARF_TEST_S3 nor WHARF_TEST_AZURE names a store");
        return;
    };
    let Some(mut fleet) = Fleet::start(&storage) else {
        eprintln!("skipped: there is no nginx");
        return;
    };
    let seconds = env::var("WHARF_FLEET_SECONDS").ok().and_then(|it| it.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(20));
    let (ledger, address) = (Ledger::default(), fleet.address);
    let mut kills = 0;
    thread::scope(|scope| {
        for number in 0..PUSHERS {
            let ledger = &ledger;
            scope.spawn(move || Pusher::new(address, number, ledger).run(end));
        }
        if let Some(skopeo) = program("skopeo") {
            let ledger = &ledger;
            scope.spawn(move || copy_until(end, &skopeo, address, ledger));
        }
        while Instant::now() < end {
            thread::sleep(LIFE);
            fleet.kill_one(kills);
            kills += 1;
        }
    });
    let manifests = ledger.manifests.into_inner().expect("no pusher has failed");
    verify(address, &manifests);
    println!(
        "{kills} kills: {} images intact, {} uploads resumed, {} begun again; of skopeo {} images, \
         {} copies given up",
        manifests.len(),
        ledger.resumed.into_inner(),
        ledger.restarted.into_inner(),
        ledger.copied.into_inner(),
        ledger.given_up.into_inner()
    );
    assert!(manifests.len() > 10, "hardly anything was pushed");
}

/// Each request of docker goes to the next replica: it begins a layer at one, sends it to another and
/// closes it at the third.
#[test]
fn docker_pushes_and_pulls_through_replicas() {
    let Some(storage) = storage() else {
        eprintln!("skipped: neither WHARF_TEST_S3 nor WHARF_TEST_AZURE names a store");
        return;
    };
    let (Some(fleet), Some(daemon)) = (Fleet::start(&storage), Daemon::start()) else {
        eprintln!("skipped: there is no nginx, or no docker that runs");
        return;
    };
    let mut random = Random(11);
    for length in [1000, 6 << 20, 20 << 20] {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("file"), random.bytes(length)).expect("written");
        let archive = fleet.folder.path().join("layer.tar");
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(folder.path()).arg("-cf").arg(&archive).arg("file");
        assert!(tar.status().expect("tar runs").success());
        let image = format!("{}/fleet/docker:b{length}", fleet.address);
        daemon.import(&archive, &image);
        daemon.push(&image);
        let pushed = daemon.id(&image);
        daemon.pull(&image);
        assert_eq!(daemon.id(&image), pushed);
        println!("docker pushed and pulled a layer of {length} bytes: {pushed}");
        if let Some(redis) = redis() {
            assert_ne!(keys(&redis), 0, "the replicas keep nothing in redis");
        }
        if let Some(skopeo) = program("skopeo") {
            let copy = format!("dir:{}", folder.path().join("copy").display());
            assert!(copied(&skopeo, &format!("docker://{image}"), &copy), "skopeo cannot pull");
        }
    }
}

/// A storage section of a configuration.
fn storage() -> Option<String> {
    ["WHARF_TEST_S3", "WHARF_TEST_AZURE"].iter().find_map(|name| env::var(name).ok())
}

/// Where there is a redis for the replicas.
fn redis() -> Option<String> {
    env::var("WHARF_TEST_REDIS").ok()
}

/// How many keys there are in a redis.
fn keys(redis: &str) -> u64 {
    let mut stream = TcpStream::connect(redis).expect("redis listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.write_all(b"DBSIZE\r\n").expect("asked");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("answered");
    answer.trim().trim_start_matches(':').parse().expect("a number")
}

/// Copies one image after the other with skopeo.
fn copy_until(end: Instant, skopeo: &Path, address: SocketAddr, ledger: &Ledger) {
    let mut random = Random(0);
    while Instant::now() < end {
        let (config, layer) = (random.bytes(200), random.bytes(6 << 20));
        let folder = tempfile::tempdir().expect("a folder");
        let digest = image::write_layout(folder.path(), &config, &layer).expect("written");
        let from = format!("oci:{}:latest", folder.path().display());
        let to = format!("docker://{address}/fleet/skopeo:t{}", digest.encoded());
        let begun = Instant::now();
        while !copied(skopeo, &from, &to) {
            ledger.given_up.fetch_add(1, Ordering::Relaxed);
            assert!(begun.elapsed() < PATIENCE, "skopeo cannot push");
        }
        ledger.copied.fetch_add(1, Ordering::Relaxed);
        let blobs = [Digest::sha256(&config), Digest::sha256(&layer)];
        let mut manifests = ledger.manifests.lock().expect("no pusher has failed");
        manifests.push(("fleet/skopeo".into(), digest, blobs.into()));
    }
}

fn copied(skopeo: &Path, from: &str, to: &str) -> bool {
    let mut copy = Command::new(skopeo);
    copy.args(["--command-timeout=30s", "copy", "--quiet", "--preserve-digests"]);
    copy.args(["--src-tls-verify=false", "--dest-tls-verify=false", from, to]);
    copy.stdout(Stdio::null()).stderr(Stdio::null());
    copy.status().expect("skopeo starts").success()
}

fn verify(address: SocketAddr, manifests: &[(String, Digest, Vec<Digest>)]) {
    let mut client = Client::new(address);
    for (repository, manifest, blobs) in manifests {
        let paths = blobs.iter().map(|blob| (format!("blobs/{blob}"), blob));
        let tag = (format!("manifests/t{}", manifest.encoded()), manifest);
        for (path, digest) in paths.chain([tag]) {
            let path = format!("/v2/{repository}/{path}");
            let answer = client.request("GET", &path, &[], b"").expect("GET");
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(Digest::sha256(&answer.body), *digest, "{path}");
        }
    }
}

// === impl Fleet ===

impl Fleet {
    /// Nothing without nginx.
    fn start(storage: &str) -> Option<Self> {
        let nginx = program("nginx")?;
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<SocketAddr> = (0..=REPLICAS).map(|_| free_address()).collect();
        let (address, replicas) = ports.split_first().expect("there are some");
        let name = folder.path().file_name().expect("a name").to_string_lossy();
        let root: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        for (number, replica) in replicas.iter().enumerate() {
            let config = config(storage, &root, *replica);
            fs::write(config_path(folder.path(), number), config).expect("written");
        }
        let file = folder.path().join("nginx.conf");
        fs::write(&file, front(folder.path(), *address, replicas)).expect("written");
        let replicas = (0..REPLICAS).map(|number| Some(start(folder.path(), number))).collect();
        let mut front = Command::new(nginx);
        front.arg("-c").arg(&file).arg("-p").arg(folder.path()).stderr(Stdio::null());
        let front = front.spawn().expect("nginx starts");
        Some(Self { folder, replicas, front, address: *address })
    }

    /// Kills a replica, and starts it again after a while.
    fn kill_one(&mut self, turn: usize) {
        // Not always in the same order.
        let number = (turn + turn / REPLICAS) % REPLICAS;
        let replica = self.replicas[number].take().expect("it runs");
        replica.kill().expect("it is killed");
        thread::sleep(DEATH);
        self.replicas[number] = Some(start(self.folder.path(), number));
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Its workers end when they see that it is gone.
        let quit = format!("kill -TERM {}", self.front.id());
        let _ = Command::new("sh").args(["-c", &quit]).status();
        let _ = self.front.wait();
    }
}

fn start(folder: &Path, number: usize) -> Server {
    let program = Path::new(env!("CARGO_BIN_EXE_wharf"));
    Server::start(program, &config_path(folder, number)).expect("a replica starts")
}

fn config_path(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("replica-{number}.yml"))
}

fn config(storage: &str, root: &str, address: SocketAddr) -> String {
    let storage = storage.trim().trim_end_matches('}');
    let cache = redis().map_or(String::new(), |redis| {
        format!("  cache: {{blobdescriptor: redis}}\nredis: {{addrs: [\"{redis}\"]}}\n")
    });
    format!(
        "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nstorage:\n  \
         {storage}, rootdirectory: /fleet/{root}}}\n  redirect: {{disable: true}}\n{cache}\
         http: {{addr: \"{address}\", secret: the-same-for-all}}\n"
    )
}

/// The front that we ship, with the addresses of these replicas, and its files in `folder`.
fn front(folder: &Path, address: SocketAddr, replicas: &[SocketAddr]) -> String {
    let own = folder.display();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/compose/replicas/nginx.conf");
    let mut text = fs::read_to_string(shipped).expect("it is there");
    for (number, replica) in (1..).zip(replicas) {
        text = text.replace(&format!("registry-{number}:5000"), &replica.to_string());
    }
    text = text.replace("listen 5000", &format!("listen {address}"));
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {own}/{kind};\n"))
        .collect();
    text = text.replace("http {\n", &format!("http {{\n{temporary}"));
    format!("daemon off;\npid {own}/pid;\nerror_log /dev/null;\nuser root;\n{text}")
}

fn program(name: &str) -> Option<PathBuf> {
    let places = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&places).chain(["/usr/sbin".into()]);
    places.map(|place| place.join(name)).find(|path| path.is_file())
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound")
}

// === impl Pusher ===

impl<'a> Pusher<'a> {
    fn new(address: SocketAddr, number: u64, ledger: &'a Ledger) -> Self {
        let (client, repository) = (Client::new(address), format!("fleet/p{number}"));
        Self { client, repository, ledger, random: Random(number + 1) }
    }

    fn run(mut self, end: Instant) {
        while Instant::now() < end {
            let layer = self.content();
            let config = format!("{{\"number\":{}}}", self.random.below(u64::MAX)).into_bytes();
            let blobs = [Digest::sha256(&config), Digest::sha256(&layer)];
            for content in [&config, &layer] {
                self.push_blob(content);
            }
            let manifest = image::manifest(&config, &layer);
            let digest = Digest::sha256(&manifest);
            let path = format!("/v2/{}/manifests/t{}", self.repository, digest.encoded());
            let put = self.until("PUT of a manifest", |client| {
                client.request("PUT", &path, &[("Content-Type", MANIFEST)], &manifest)
            });
            assert_eq!(put.status, 201, "{put:?}");
            let mut manifests = self.ledger.manifests.lock().expect("no pusher has failed");
            manifests.push((self.repository.clone(), digest, blobs.into()));
        }
    }

    /// Some are smaller than the smallest part of a store, some need several.
    fn content(&mut self) -> Vec<u8> {
        let most = [1000, 3 << 20, 14 << 20][self.random.below(3) as usize];
        let length = 2 + self.random.below(most);
        self.random.bytes(length as usize)
    }

    fn push_blob(&mut self, content: &[u8]) {
        let begun = Instant::now();
        while !self.try_blob(content) {
            self.ledger.restarted.fetch_add(1, Ordering::Relaxed);
            assert!(begun.elapsed() < PATIENCE, "a blob cannot be pushed");
        }
    }

    /// One session from its beginning to its end; `false` if it is gone without the blob.
    fn try_blob(&mut self, content: &[u8]) -> bool {
        let path = format!("/v2/{}/blobs/uploads/", self.repository);
        let begun = self.until("POST", |client| client.request("POST", &path, &[], b""));
        assert_eq!(begun.status, 202, "{begun:?}");
        let mut location = begun.location().expect("a location").to_owned();
        let session = location.split('?').next().expect("a path").to_owned();
        let (mut sent, chunks) = (0, 1 + self.random.below(4) as usize);
        let chunk = content.len().div_ceil(chunks).max(2);
        while sent < content.len() {
            let end = (sent + chunk).min(content.len());
            let range = format!("{sent}-{}", end - 1);
            let headers = [("Content-Range", range.as_str())];
            match self.client.request("PATCH", &location, &headers, &content[sent..end]) {
                Ok(answer) if answer.status == 202 => {
                    location = answer.location().expect("a location").to_owned();
                    sent = end;
                }
                _ => match self.ask(&session) {
                    Some((to, next)) => (sent, location) = (to, next),
                    None => return false,
                },
            }
        }
        self.close(&session, location, &Digest::sha256(content))
    }

    /// Where a session stands, asked of whoever answers; nothing if it is gone.
    fn ask(&mut self, session: &str) -> Option<(usize, String)> {
        self.ledger.resumed.fetch_add(1, Ordering::Relaxed);
        let answer = self.until("status", |client| client.request("GET", session, &[], b""));
        let location = answer.location()?.to_owned();
        Some((answer.range_end()? as usize, location))
    }

    fn close(&mut self, session: &str, mut location: String, digest: &Digest) -> bool {
        let blob = format!("/v2/{}/blobs/{digest}", self.repository);
        let begun = Instant::now();
        loop {
            let sign = if location.contains('?') { '&' } else { '?' };
            let close = format!("{location}{sign}digest={digest}");
            if let Ok(answer) = self.client.request("PUT", &close, &[], b"")
                && answer.status == 201
            {
                return true;
            }
            // The answer may have been lost after everything was done.
            let head = self.until("HEAD", |client| client.request("HEAD", &blob, &[], b""));
            if head.status == 200 {
                return true;
            }
            match self.ask(session) {
                Some((_, next)) => location = next,
                None => return false,
            }
            assert!(begun.elapsed() < PATIENCE, "{session} cannot be closed");
        }
    }

    /// Asks again until a replica answers, whatever it says.
    fn until(
        &mut self,
        what: &str,
        mut ask: impl FnMut(&mut Client) -> io::Result<Response>,
    ) -> Response {
        let begun = Instant::now();
        loop {
            match ask(&mut self.client) {
                Ok(answer) if answer.status < 500 => return answer,
                outcome => assert!(begun.elapsed() < PATIENCE, "{what}: {outcome:?}"),
            }
            thread::sleep(PAUSE);
        }
    }
}
