//! Two processes over one directory: what one of them is told, the other one knows at once.

use std::{net::SocketAddr, path::Path, thread};

use wharf_digest::Digest;
use wharf_testkit::{
    process::{Server, write_config},
    raw::{Client, Response},
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[test]
fn an_upload_goes_on_at_another_process() {
    let pair = Pair::start();
    let [mut one, mut two] = pair.clients();
    let content = b"begun here, continued there, closed here".to_vec();
    let digest = Digest::sha256(&content);
    let begun = one.request("POST", "/v2/two/processes/blobs/uploads/", &[], b"").expect("POST");
    let at_two = [("Content-Range", "0-9")];
    let continued = two.request("PATCH", location(&begun), &at_two, &content[..10]).expect("PATCH");
    assert_eq!(continued.status, 202, "{continued:?}");
    let stale = [("Content-Range", "0-4")];
    let late = one.request("PATCH", location(&begun), &stale, &content[..5]).expect("PATCH");
    assert_eq!((late.status, late.header("range")), (416, Some("0-9")), "{late:?}");
    let close = format!("{}&digest={digest}", location(&continued));
    let closed = one.request("PUT", &close, &[], &content[10..]).expect("PUT");
    assert_eq!(closed.status, 201, "{closed:?}");
    let read = two.request("GET", &format!("/v2/two/processes/blobs/{digest}"), &[], b"");
    assert_eq!(read.expect("GET").body, content);
}

#[test]
fn tags_and_deletes_are_seen_at_once() {
    let pair = Pair::start();
    let [mut one, mut two] = pair.clients();
    let config = push_blob(&mut one, b"{}");
    let mut expected = Vec::new();
    for number in 0..20 {
        let body = image(&config, number);
        let (writer, reader) = match number % 2 {
            0 => (&mut one, &mut two),
            _ => (&mut two, &mut one),
        };
        let path = format!("/v2/two/processes/manifests/t{number:02}");
        let put = writer.request("PUT", &path, &[("Content-Type", MANIFEST)], body.as_bytes());
        assert_eq!(put.expect("PUT").status, 201);
        expected.push(format!("\"t{number:02}\""));
        assert_eq!(tags(reader), expected.join(","), "after {number}");
        assert_eq!(reader.request("GET", &path, &[], b"").expect("GET").body, body.as_bytes());
    }
    let delete = one.request("DELETE", "/v2/two/processes/manifests/t07", &[], b"");
    assert_eq!(delete.expect("DELETE").status, 202);
    expected.remove(7);
    assert_eq!(tags(&mut two), expected.join(","));
    let gone = two.request("GET", "/v2/two/processes/manifests/t07", &[], b"").expect("GET");
    assert_eq!(gone.status, 404);
}

#[test]
fn the_same_blob_pushed_to_both_at_once_is_stored() {
    let pair = Pair::start();
    for round in 0..20_u8 {
        let content = vec![round; 100_000 + usize::from(round)];
        thread::scope(|scope| {
            for mut client in pair.clients() {
                let content = &content;
                scope.spawn(move || push_blob(&mut client, content));
            }
        });
        let digest = Digest::sha256(&content);
        for mut client in pair.clients() {
            let read =
                client.request("GET", &format!("/v2/two/processes/blobs/{digest}"), &[], b"");
            assert!(read.expect("GET").body == content, "round {round}");
        }
    }
}

/// Two servers, one directory.
struct Pair {
    servers: [Server; 2],
    _folder: tempfile::TempDir,
}

// === impl Pair ===

impl Pair {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let config = write_config(folder.path()).expect("write the configuration");
        let text = std::fs::read_to_string(&config).expect("it was just written");
        let text = text.replace("storage:\n", "storage:\n  delete:\n    enabled: true\n");
        std::fs::write(&config, text).expect("write the configuration");
        let start = || Server::start(Path::new(env!("CARGO_BIN_EXE_wharf")), &config);
        Self { servers: [(); 2].map(|()| start().expect("it starts")), _folder: folder }
    }

    fn clients(&self) -> [Client; 2] {
        let [one, two]: [SocketAddr; 2] = [self.servers[0].address(), self.servers[1].address()];
        [Client::new(one), Client::new(two)]
    }
}

fn push_blob(client: &mut Client, content: &[u8]) -> String {
    let digest = Digest::sha256(content);
    let path = format!("/v2/two/processes/blobs/uploads/?digest={digest}");
    let octets = [("Content-Type", "application/octet-stream")];
    let answer = client.request("POST", &path, &octets, content).expect("POST");
    assert_eq!(answer.status, 201, "{answer:?}");
    let size = content.len();
    format!(r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{size}}}"#)
}

fn image(config: &str, number: usize) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[],"annotations":{{"n":"{number}"}}}}"#
    )
}

fn tags(client: &mut Client) -> String {
    let answer = client.request("GET", "/v2/two/processes/tags/list", &[], b"").expect("GET");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let (_, tags) = text.split_once("\"tags\":[").unwrap_or_else(|| panic!("no tags: {text}"));
    tags.trim_end().trim_end_matches("]}").to_owned()
}

fn location(answer: &Response) -> &str {
    answer.location().unwrap_or_else(|| panic!("no Location: {answer:?}"))
}
