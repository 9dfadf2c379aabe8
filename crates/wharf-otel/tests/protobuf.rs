//! What a collector gets that takes protobuf: over gRPC, and over HTTP.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

use std::time::{Duration, SystemTime};

use support::PATIENCE;
use wharf_otel::{Exporter, Settings, Span};
use wharf_testkit::{double, grpc};

/// The value of a field, as its place in a message tells.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Number(u64),
    Fixed(u64),
    Bytes(Vec<u8>),
}

fn settings(endpoint: &str, protocol: &str) -> Settings {
    let more = [("EXPORTER_OTLP_HEADERS", "X-Token=secret"), ("SERVICE_NAME", "registry-1")];
    support::settings(endpoint, protocol, &more)
}

/// Times that differ, numbers of two bytes; the second has a parent and failed.
fn span(number: u8) -> Span {
    Span {
        parent: (number > 1).then_some([7; 8]),
        began: SystemTime::UNIX_EPOCH + Duration::from_nanos(3),
        ended: SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 31),
        failed: number > 1,
        attributes: vec![("a", "b".into()), ("n", 300.into())],
        ..support::span(number)
    }
}

async fn send(settings: Settings, spans: impl IntoIterator<Item = Span>) {
    let (exporter, work) = Exporter::new(settings).unwrap();
    tokio::spawn(work.run());
    spans.into_iter().for_each(|span| exporter.take(span));
    exporter.flush(PATIENCE).await;
}

/// The fields of a message, by its bytes alone.
fn fields(mut message: &[u8]) -> Vec<(u64, Field)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut message)),
            1 => {
                let bytes = message.split_off(..8).unwrap().try_into();
                Field::Fixed(u64::from_le_bytes(bytes.unwrap()))
            }
            2 => {
                let length = varint(&mut message) as usize;
                Field::Bytes(message.split_off(..length).unwrap().to_vec())
            }
            wire => panic!("wire type {wire}"),
        };
        fields.push((tag >> 3, field));
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first().unwrap();
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a number without an end");
}

/// The message at the end of a path of fields, the first one of each.
fn at(message: &[u8], path: &[u64]) -> Vec<u8> {
    path.iter().fold(message.to_vec(), |message, number| {
        let fields = fields(&message);
        match fields.into_iter().find(|(field, _)| field == number) {
            Some((_, Field::Bytes(bytes))) => bytes,
            other => panic!("field {number}: {other:?}"),
        }
    })
}

/// In the numbers of opentelemetry/proto/trace/v1/trace.proto.
fn check(request: &[u8]) {
    assert_eq!(at(request, &[1, 1, 1, 1]), b"service.name");
    assert_eq!(at(request, &[1, 1, 1, 2, 1]), b"registry-1");
    assert_eq!(at(request, &[1, 2, 1, 1]), b"wharf-otel");
    let spans = fields(&at(request, &[1, 2]));
    let spans: Vec<_> = spans.into_iter().filter(|(field, _)| *field == 2).collect();
    let [(_, Field::Bytes(first)), (_, Field::Bytes(second))] = &spans[..] else {
        panic!("{spans:?}")
    };
    let text = |text: &str| Field::Bytes(text.into());
    let attributes = [
        (9, text("\n\u{1}a\u{12}\u{3}\n\u{1}b")),
        (9, Field::Bytes(b"\n\x01n\x12\x03\x18\xac\x02".into())),
    ];
    let times = [(7, Field::Fixed(3)), (8, Field::Fixed((1 << 31) * 1_000_000_000))];
    let head = |number: u8| {
        [(1, Field::Bytes(vec![number; 16])), (2, Field::Bytes(vec![number; 8]))].to_vec()
    };
    let rest = [[(5, text("GET /")), (6, Field::Number(2))], times, attributes].concat();
    assert_eq!(fields(first), [head(1), rest.clone()].concat());
    let parent = vec![(4, Field::Bytes(vec![7; 8]))];
    let status = vec![(15, Field::Bytes(vec![0x18, 2]))];
    assert_eq!(fields(second), [head(2), parent, rest, status].concat());
}

#[tokio::test]
async fn a_collector_of_grpc_is_called() {
    let collector = grpc::Double::start(&[14]).unwrap();
    // A path is no part of where a server of gRPC is.
    let settings = settings(&format!("http://{}/x", collector.address()), "grpc");
    send(settings, [span(1), span(2)]).await;
    let (refused, taken) = (collector.calls().try_recv(), collector.calls().try_recv());
    let (refused, taken) = (refused.unwrap(), taken.unwrap());
    assert_eq!(refused.body, taken.body);
    assert_eq!(taken.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    for (name, value) in
        [("content-type", "application/grpc"), ("te", "trailers"), ("x-token", "secret")]
    {
        assert_eq!(taken.headers[name], value, "{name}");
    }
    let (prefix, message) = taken.body.split_at(5);
    assert_eq!(prefix, [&[0], &(message.len() as u32).to_be_bytes()[..]].concat());
    check(message);
}

#[tokio::test]
async fn what_grpc_refuses_for_good_is_not_tried_again() {
    let collector = grpc::Double::start(&[3]).unwrap();
    let settings = settings(&format!("http://{}", collector.address()), "grpc");
    send(settings, [span(1)]).await;
    assert!(collector.calls().try_recv().is_ok() && collector.calls().try_recv().is_err());
}

#[tokio::test]
async fn a_server_that_does_not_speak_grpc_costs_the_spans_only() {
    let server = double::Double::start(|_| double::Response::of(200)).unwrap();
    let settings = settings(&format!("http://{}", server.address()), "grpc");
    tokio::time::timeout(PATIENCE, send(settings, [span(1)])).await.unwrap();
}

#[tokio::test]
async fn over_http_protobuf_is_the_body() {
    let (taken, requests) = std::sync::mpsc::channel();
    let collector = double::Double::start(move |request| {
        taken.send(request.clone()).ok();
        double::Response::of(200)
    });
    let collector = collector.unwrap();
    let settings = settings(&format!("http://{}", collector.address()), "http/protobuf");
    send(settings, [span(1), span(2)]).await;
    let request = requests.try_recv().unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/traces"));
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    check(&request.body);
}
