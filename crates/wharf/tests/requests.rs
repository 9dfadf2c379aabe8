//! How many requests each operation costs at a bucket of S3, counted on the wire between the server and
//! the store; and that docker/distribution needs no fewer for any of them.
//!
//! It needs a store (`WHARF_TEST_S3`); without one it says so and does nothing. The peer is the first
//! program of `WHARF_PEERS`; what it needs is compared. `cargo xtask ci` sets both.
//! Our figures stand in `docs/object-stores.md`, too, and have to be the same.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use wharf_digest::Digest;
use wharf_testkit::{
    image::{self, MANIFEST, Random},
    process::Server,
    raw::{Client, Response},
    tap::{Seen, Tap},
};

/// What an operation may cost.
struct Budget {
    what: &'static str,
    most: usize,
    terms: Terms,
}

#[derive(PartialEq)]
enum Terms {
    /// It asks for no list, and distribution needs as many requests or more.
    Hot,
    /// It asks for no list; distribution needs fewer: it looks at the link first and then at the bytes,
    /// or only into its memory, where a blob stays that somebody has deleted.
    Truth,
    /// It has to find out what there is, for which a list or two are needed; distribution needs as many
    /// requests or more.
    Walk,
}

use Terms::{Hot, Truth, Walk};

#[rustfmt::skip]
const BUDGET: &[Budget] = &[
    Budget { what: "`HEAD` of a blob that is not there", most: 2, terms: Truth },
    Budget { what: "push of 1 kB: `POST` with the digest", most: 2, terms: Hot },
    Budget { what: "push of 1 kB: `POST`, `PUT`", most: 6, terms: Hot },
    Budget { what: "push of 1 kB: `POST`, `PATCH`, `PUT`", most: 13, terms: Hot },
    Budget { what: "push of 20 MiB: `POST`, `PUT`", most: 11, terms: Hot },
    Budget { what: "push of 20 MiB: `POST`, `PATCH`, `PUT`", most: 19, terms: Hot },
    Budget { what: "mount of a blob", most: 3, terms: Hot },
    Budget { what: "push of a manifest with a tag", most: 8, terms: Hot },
    Budget { what: "manifest by tag", most: 3, terms: Hot },
    Budget { what: "the same again", most: 2, terms: Hot },
    Budget { what: "`HEAD` of it", most: 2, terms: Hot },
    Budget { what: "manifest by digest", most: 2, terms: Hot },
    Budget { what: "the same again", most: 1, terms: Hot },
    Budget { what: "`HEAD` of a blob", most: 2, terms: Hot },
    Budget { what: "the same again", most: 1, terms: Truth },
    Budget { what: "`GET` of a blob, sent to the store", most: 1, terms: Hot },
    Budget { what: "`GET` of a blob", most: 2, terms: Hot },
    Budget { what: "list of 2 tags", most: 1, terms: Walk },
    Budget { what: "list of 2 repositories", most: 1, terms: Walk },
    Budget { what: "`DELETE` of a manifest, and its tag", most: 9, terms: Walk },
];

/// What an operation has cost: how many requests of each kind. Nothing if a server cannot do it.
type Cost = Option<BTreeMap<&'static str, usize>>;

/// A server whose store is behind a tap, and a client of it.
struct Bench<'a> {
    tap: &'a Tap,
    server: Server,
    client: Client,
    costs: &'a mut Vec<Cost>,
}

/// A program over a folder of its own in the store.
struct Subject<'a> {
    program: &'a Path,
    section: String,
    folder: tempfile::TempDir,
}

#[test]
fn no_operation_asks_a_store_more_than_it_may() {
    let Ok(section) = env::var("WHARF_TEST_S3") else {
        println!("skipped: WHARF_TEST_S3 names no bucket");
        return;
    };
    let ours = Subject::new(Path::new(env!("CARGO_BIN_EXE_wharf")), &section).costs();
    assert_eq!(ours.len(), BUDGET.len());
    let peers = env::var("WHARF_PEERS").unwrap_or_default();
    let peer = peers.split(':').next().filter(|peer| !peer.is_empty());
    let theirs = peer.map(|peer| Subject::new(Path::new(peer), &section).costs());
    let shown = |cost: &Cost| cost.as_ref().map_or("-".to_owned(), show);
    let rows: Vec<String> = (0..BUDGET.len())
        .map(|at| format!("| {} | {} |", BUDGET[at].what, shown(&ours[at])))
        .collect();
    for (at, row) in rows.iter().enumerate() {
        println!("{row} {} |", theirs.as_ref().map_or("?".to_owned(), |theirs| shown(&theirs[at])));
    }
    for (at, Budget { what, most, terms }) in BUDGET.iter().enumerate() {
        let cost = ours[at].as_ref().expect("we can do it");
        let sum: usize = cost.values().sum();
        assert!(sum <= *most, "{what}: {}, and not {most}", show(cost));
        assert!(*terms == Walk || !cost.contains_key("list"), "{what}: {}", show(cost));
        let theirs = theirs.as_ref().and_then(|theirs| theirs[at].as_ref());
        if let Some(theirs) = theirs.filter(|_| *terms != Truth) {
            assert!(sum <= theirs.values().sum(), "{what}: {} < {}", show(theirs), show(cost));
        }
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/object-stores.md");
    let page = fs::read_to_string(page).expect("it is there");
    assert!(has_rows(&page, &rows), "docs/object-stores.md has other figures");
}

/// Whether lines of the page that follow each other begin with these cells. What stands behind them is the
/// peer's, whose client may send a request twice.
fn has_rows(page: &str, rows: &[String]) -> bool {
    let lines: Vec<&str> = page.lines().collect();
    lines
        .windows(rows.len())
        .any(|lines| lines.iter().zip(rows).all(|(line, row)| line.starts_with(row)))
}

fn show(cost: &BTreeMap<&'static str, usize>) -> String {
    let parts: Vec<_> = cost.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    match (cost.values().sum(), parts.len()) {
        (0, _) => "0".to_owned(),
        (_, 1) => parts.concat(),
        (sum, _) => format!("{sum}: {}", parts.join(", ")),
    }
}

/// What a request to S3 is.
fn kind(seen: &Seen) -> &'static str {
    let has = |key: &str| seen.query(key).is_some();
    match seen.method.as_str() {
        "GET" if has("uploads") || has("uploadId") || has("list-type") => "list",
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" if seen.header("x-amz-copy-source").is_some() => "copy",
        "PUT" if has("uploadId") => "part",
        "PUT" => "PUT",
        "POST" if has("uploads") => "begin",
        "POST" if has("uploadId") => "complete",
        "POST" | "DELETE" => "delete",
        _ => "other",
    }
}

// === impl Subject ===

impl<'a> Subject<'a> {
    fn new(program: &'a Path, section: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let name = folder.path().file_name().expect("a name").to_string_lossy();
        let root: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let own = format!("{{rootdirectory: /requests/{root}, ");
        Self { program, section: section.replacen('{', &own, 1), folder }
    }

    /// What each operation of [`BUDGET`] costs.
    fn costs(&self) -> Vec<Cost> {
        let (host, mut costs) = (self.store(), Vec::new());
        let tap = Tap::start(host.parse().expect("an address")).expect("a port");
        let section = self.section.replace(&host, &tap.address().to_string());
        let config = |redirect: bool| self.write_config(&section, redirect);
        let mut random = Random(7);
        let (small, layer) = (random.bytes(1000), random.bytes(1000));
        let images = [random.bytes(300), random.bytes(300)]
            .map(|config| (image::manifest(&config, &layer), config));
        let [(tagged, _), (other, _)] = &images;

        self.run(&config(true), &tap, &mut costs, |bench| {
            bench.pushes(&mut random);
            // Both images share a layer.
            let blobs = [&small, &layer, &images[0].1, &images[1].1];
            blobs.iter().for_each(|content| bench.push(content, false));
        });
        // What is remembered of pushes is gone; so it is where another replica has taken them.
        self.run(&config(true), &tap, &mut costs, |bench| {
            bench.mount(&small);
            bench.cost("PUT", "/v2/app/manifests/one", tagged, 201);
            bench.request("PUT", "/v2/app/manifests/two", other);
        });
        self.run(&config(true), &tap, &mut costs, |bench| {
            for method in ["GET", "GET", "HEAD"] {
                bench.cost(method, "/v2/app/manifests/one", b"", 200);
            }
            let blob = format!("/v2/app/manifests/{}", Digest::sha256(other));
            (0..2).for_each(|_| bench.cost("GET", &blob, b"", 200));
            let blob = format!("/v2/app/blobs/{}", Digest::sha256(&small));
            (0..2).for_each(|_| bench.cost("HEAD", &blob, b"", 200));
        });
        let blob = format!("/v2/app/blobs/{}", Digest::sha256(&layer));
        for (redirect, status) in [(true, 307), (false, 200)] {
            self.run(&config(redirect), &tap, &mut costs, |bench| {
                bench.cost("GET", &blob, b"", status);
            });
        }
        self.run(&config(true), &tap, &mut costs, |bench| {
            bench.cost("GET", "/v2/app/tags/list", b"", 200);
            bench.cost("GET", "/v2/_catalog", b"", 200);
            let tagged = format!("/v2/app/manifests/{}", Digest::sha256(tagged));
            bench.cost("DELETE", &tagged, b"", 202);
        });
        costs
    }

    /// Where the store is.
    fn store(&self) -> String {
        let (_, after) = self.section.split_once("http://").expect("no TLS");
        after.split('"').next().unwrap_or_default().to_owned()
    }

    fn write_config(&self, section: &str, redirect: bool) -> PathBuf {
        let file = self.folder.path().join(format!("redirect-{redirect}.yml"));
        let text = format!(
            "version: 0.1\nstorage:\n  {section}\n  delete: {{enabled: true}}\n  \
             cache: {{blobdescriptor: inmemory}}\n  redirect: {{disable: {}}}\n\
             http: {{addr: '127.0.0.1:0', secret: of-this-test}}\n",
            !redirect
        );
        fs::write(&file, text).expect("write the configuration");
        file
    }

    fn run(
        &self,
        config: &Path,
        tap: &Tap,
        costs: &mut Vec<Cost>,
        act: impl FnOnce(&mut Bench<'_>),
    ) {
        let server = Server::start(self.program, config).expect("the registry starts");
        let client = Client::new(server.address());
        let mut bench = Bench { tap, server, client, costs };
        act(&mut bench);
        bench.server.kill().expect("kill");
    }
}

// === impl Bench ===

impl Bench<'_> {
    fn pushes(&mut self, random: &mut Random) {
        let missing = format!("/v2/app/blobs/{}", Digest::sha256(b"missing"));
        self.cost("HEAD", &missing, b"", 404);
        let content = random.bytes(1000);
        self.tap.take();
        let path = format!("/v2/app/blobs/uploads/?digest={}", Digest::sha256(&content));
        let done = self.request("POST", &path, &content).status == 201;
        self.note(done);
        for length in [1000, 20 << 20] {
            for patched in [false, true] {
                self.tap.take();
                self.push(&random.bytes(length), patched);
                self.note(true);
            }
        }
    }

    /// By POST, a PATCH of all bytes if that is wanted, and PUT.
    fn push(&mut self, content: &[u8], patched: bool) {
        let mut answer = self.request("POST", "/v2/app/blobs/uploads/", b"");
        let mut rest = content;
        if patched {
            let location = answer.location().expect("a location").to_owned();
            answer = self.request("PATCH", &location, rest);
            assert_eq!(answer.status, 202, "{answer:?}");
            rest = b"";
        }
        let location = answer.location().expect("a location");
        let joint = if location.contains('?') { '&' } else { '?' };
        let close = format!("{location}{joint}digest={}", Digest::sha256(content));
        assert_eq!(self.request("PUT", &close, rest).status, 201);
    }

    fn mount(&mut self, content: &[u8]) {
        let digest = Digest::sha256(content);
        let path = format!("/v2/other/blobs/uploads/?mount={digest}&from=app");
        self.cost("POST", &path, b"", 201);
    }

    /// Notes what a request costs.
    fn cost(&mut self, method: &str, path: &str, body: &[u8], status: u16) {
        self.tap.take();
        let answer = self.request(method, path, body);
        // Distribution sends clients to the store for a HEAD, too.
        let sent = (method, answer.status) == ("HEAD", 307);
        assert!(answer.status == status || sent, "{method} {path}: {answer:?}");
        self.note(true);
    }

    /// Notes what has gone through, for something that could be done.
    fn note(&mut self, done: bool) {
        let mut cost = BTreeMap::new();
        for seen in self.tap.take() {
            *cost.entry(kind(&seen)).or_default() += 1;
        }
        self.costs.push(done.then_some(cost));
    }

    fn request(&mut self, method: &str, path: &str, body: &[u8]) -> Response {
        let kind = match path.contains("/manifests/") {
            true => MANIFEST,
            false => "application/octet-stream",
        };
        let headers = [("Content-Type", kind), ("Accept", MANIFEST)];
        self.client.request(method, path, &headers, body).expect("an answer")
    }
}
