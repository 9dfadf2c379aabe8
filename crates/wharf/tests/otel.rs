//! Traces: a collector gets a span of each request, with the parent that the client named.

#![cfg(feature = "otel")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before the test gives up; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[test]
fn a_collector_gets_the_spans_of_requests() {
    let (collector, batches) = collect();
    let (mut server, address, _folder) = serve(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{collector}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-token=secret"),
        ("OTEL_SERVICE_NAME", "registry-1"),
        // Only the end has them sent.
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
    ]);
    assert_eq!(get(address, "/v2/a/tags/list", &format!("00-{TRACE}-{PARENT}-01")), 404);
    assert_eq!(get(address, "/v2/", ""), 200);
    // Whoever sent this one does not keep the trace.
    assert_eq!(get(address, "/v2/", &format!("00-{TRACE}-{PARENT}-00")), 200);
    end(&mut server);

    let (head, batch) = batches.recv_timeout(PATIENCE).expect("a batch");
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    for line in ["x-token: secret", "content-type: application/json"] {
        assert!(head.to_lowercase().contains(line), "{head}");
    }
    let resource = &batch["resourceSpans"][0];
    let service = &resource["resource"]["attributes"][0];
    assert_eq!((&service["key"], text(service)), (&"service.name".into(), "registry-1"));
    let spans = resource["scopeSpans"][0]["spans"].as_array().expect("spans");
    let (requests, steps): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span["kind"] == 2);
    let [tags, base] = requests[..] else { panic!("{spans:?}") };
    assert_eq!(tags["name"], "GET /v2/<name>/tags/list");
    assert_eq!((&tags["traceId"], &tags["parentSpanId"]), (&TRACE.into(), &PARENT.into()));
    assert_eq!((&tags["kind"], tags.get("status")), (&2.into(), None));
    let attribute = |span: &Value, key: &str| {
        let attributes = span["attributes"].as_array().expect("attributes");
        attributes.iter().find(|it| it["key"] == key).expect("an attribute").clone()
    };
    assert_eq!(text(&attribute(tags, "url.path")), "/v2/a/tags/list");
    assert_eq!(attribute(tags, "http.response.status_code")["value"]["intValue"], "404");
    // What the store was asked for it, as the original calls that.
    let list = steps.iter().find(|step| step["name"] == "List").expect("a step of the store");
    assert_eq!((&list["kind"], &list["traceId"]), (&1.into(), &TRACE.into()));
    assert_eq!(list["parentSpanId"], tags["spanId"]);
    let path = attribute(list, "io.cncf.distribution.storage.path");
    assert!(text(&path).starts_with("/docker/registry/v2/repositories/a/"), "{path}");
    let driver = attribute(list, "io.cncf.distribution.storage.driver.name");
    assert_eq!(text(&driver), "inmemory");
    let time = |key: &str| tags[key].as_str().expect("a text").parse::<u64>().expect("a number");
    assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
    // One that names no trace begins its own.
    assert!(base.get("parentSpanId").is_none(), "{base}");
    assert_eq!(base["traceId"].as_str().map(str::len), Some(32));
    assert_ne!(base["spanId"], tags["spanId"]);
}

#[test]
fn a_collector_that_is_away_costs_no_request() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let (mut server, registry, _folder) = serve(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_BSP_SCHEDULE_DELAY", "1"),
    ]);
    for _ in 0..20 {
        assert_eq!(get(registry, "/v2/", ""), 200);
    }
    end(&mut server);
}

#[test]
fn what_cannot_be_meant_costs_the_traces_only() {
    let (mut server, address, _folder) = serve(&[("OTEL_TRACES_EXPORTER", "zipkin")]);
    assert_eq!(get(address, "/v2/", ""), 200);
    end(&mut server);
}

fn text(attribute: &Value) -> &str {
    attribute["value"]["stringValue"].as_str().expect("a text")
}

/// Takes batches: the head of each request, and its body.
fn collect() -> (SocketAddr, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (taken, batches) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|it| it > 0)
            {
            }
            let length = head.lines().find_map(|line| {
                line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
            });
            let mut body = vec![0; length.unwrap_or_default()];
            stream.read_exact(&mut body).expect("a body");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.get_mut().write_all(answer).expect("answered");
            let _ = taken.send((head, serde_json::from_slice(&body).expect("JSON")));
        }
    });
    (address, batches)
}

fn serve(variables: &[(&str, &str)]) -> (Child, SocketAddr, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yml");
    let text = "version: 0.1\nstorage: inmemory\nhttp: {addr: '127.0.0.1:0'}\n";
    fs::write(&config, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.arg("serve").arg(&config).envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains("listening on ")));
    let line = line.expect("it listens");
    let (_, rest) = line.split_once("listening on ").expect("it says where");
    let (address, _) = rest.split_once(',').expect("it says more");
    std::thread::spawn(move || lines.count());
    (child, address.parse().expect("an address"), folder)
}

/// The status of the answer.
fn get(address: SocketAddr, path: &str, parent: &str) -> u16 {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let parent =
        if parent.is_empty() { String::new() } else { format!("traceparent: {parent}\r\n") };
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{parent}\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer[9..12].parse().expect("a status")
}

fn end(server: &mut Child) {
    let id = rustix::process::Pid::from_child(server);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("told");
    assert!(server.wait().expect("it ended").success());
}
