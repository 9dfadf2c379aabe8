//! Content in its three forms, and regions of files.

use std::{fs::File, io, io::Write, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use wharf_content::{ByteStream, CollectError, Content, FileRegion};

fn file(content: &[u8]) -> Arc<File> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(content).expect("room for a few bytes");
    Arc::new(file)
}

fn stream(pieces: Vec<io::Result<Bytes>>) -> Content {
    Content::Stream(ByteStream::new(stream::iter(pieces)))
}

fn hello() -> [Content; 3] {
    [
        Content::from("hello"),
        FileRegion::new(file(b"say hello twice"), 4, 5).into(),
        stream(vec![
            Ok(Bytes::from_static(b"hel")),
            Ok(Bytes::new()),
            Ok(Bytes::from_static(b"lo")),
        ]),
    ]
}

#[tokio::test]
async fn every_form_collects_to_the_same_bytes() {
    for content in hello() {
        let shown = format!("{content:?}");
        assert_eq!(content.collect(5).await.unwrap(), "hello", "{shown}");
    }
}

#[tokio::test]
async fn more_than_the_limit_is_refused() {
    for content in hello() {
        let refused = content.collect(4).await;
        assert!(matches!(refused, Err(CollectError::TooLarge { limit: 4 })), "{refused:?}");
    }
}

#[test]
fn only_a_stream_has_no_length() {
    assert_eq!(hello().map(|content| content.len()), [Some(5), Some(5), None]);
    assert!(Content::from("").is_empty());
    assert!(!stream(vec![]).is_empty(), "nobody knows yet");
}

#[tokio::test]
async fn a_broken_source_is_an_error_not_an_end() {
    let broken = stream(vec![Ok(Bytes::from_static(b"hel")), Err(io::Error::other("gone"))]);
    assert!(matches!(broken.collect(100).await, Err(CollectError::Io(_))));

    let short = Content::from(FileRegion::new(file(b"hel"), 0, 5));
    let Err(CollectError::Io(error)) = short.collect(100).await else { panic!("error") };
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_region_is_taken_in_pieces_from_its_front() {
    let mut region = FileRegion::new(file(b"0123456789"), 2, 7);
    let mut pieces = Vec::new();
    while let Some(piece) = region.split_front(3) {
        pieces.push(piece.read_blocking().unwrap());
    }
    assert_eq!(pieces, ["234", "567", "8"]);
    assert!(region.is_empty());
    assert_eq!(region.split_front(0).map(|piece| piece.len()), None);
}
