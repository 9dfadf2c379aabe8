//! The blobs of a repository.

use std::{ops::Range, sync::Arc};

use http::{HeaderValue, StatusCode, header};
use wharf_api::ErrorCode;
use wharf_content::{ByteRange, Content, FileRegion, RangeSet};
use wharf_core::{BlobReader, Error, ErrorKind, Repository};
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

use super::multipart::{Multipart, content_range};
use crate::{
    Payload,
    answer::Answer,
    call::Call,
    conditional::{IfNoneMatch, if_range},
    errors::{Failure, Outcome},
};

pub(super) async fn get(call: &Call, name: &RepositoryName, digest: &Digest) -> Outcome {
    let repository = call.repository(name);
    let condition = IfNoneMatch::of(&call.headers);
    if call.is_head() || condition != IfNoneMatch::Absent {
        let descriptor = repository.blobs().stat(digest).await?;
        if condition.matches(&descriptor.digest) {
            return Ok(described(StatusCode::NOT_MODIFIED, &descriptor.digest));
        }
        if call.is_head() {
            let answer = served(StatusCode::OK, &descriptor.digest);
            return Ok(answer.with(header::CONTENT_LENGTH, HeaderValue::from(descriptor.size)));
        }
    }
    if any_store_answers(call.header(&header::RANGE))
        && let Some(elsewhere) = redirect(call, &*repository, digest).await?
    {
        return Ok(elsewhere);
    }
    match call.header(&header::RANGE).filter(|_| if_range(&call.headers, digest)) {
        Some(ranges) => partial(call, &*repository, digest, ranges).await,
        None => whole(call, &*repository, digest).await,
    }
}

pub(super) async fn delete(call: &Call, name: &RepositoryName, digest: &Digest) -> Outcome {
    let repository = call.repository(name);
    let Some(deleter) = repository.blobs().deleter() else {
        return Err(Failure::new(ErrorCode::Unsupported, "this registry does not delete blobs"));
    };
    deleter.delete(digest).await?;
    Ok(Answer::new(StatusCode::ACCEPTED))
}

async fn whole(call: &Call, repository: &dyn Repository, digest: &Digest) -> Outcome {
    let reader = repository.blobs().open(digest, None).await?;
    let answer = served(StatusCode::OK, &reader.descriptor.digest);
    Ok(answer.body(payload(call, reader)))
}

/// The parts that a `Range` header asks for. A unit that is not bytes is ignored; what is malformed
/// or reversed is refused like what lies outside, so that nobody downloads all by mistake.
async fn partial(
    call: &Call,
    repository: &dyn Repository,
    digest: &Digest,
    ranges: &str,
) -> Outcome {
    let blobs = repository.blobs();
    let Ok(ranges) = RangeSet::parse(ranges) else {
        return Err(unsatisfiable(blobs.stat(digest).await?.size));
    };
    let Some(ranges) = ranges else {
        return whole(call, repository, digest).await;
    };
    let mut given = ranges.iter();
    if let (Some(range), None) = (given.next(), given.next()) {
        return single(call, repository, digest, range).await;
    }
    let whole = blobs.open(digest, None).await?;
    match ranges.resolve(whole.descriptor.size).as_slice() {
        [] => Err(unsatisfiable(whole.descriptor.size)),
        [range] => single(call, repository, digest, between(range)).await,
        // Rare and large: others should not carry its future along.
        parts => Box::pin(several(call, repository, whole, parts)).await,
    }
}

async fn single(
    call: &Call,
    repository: &dyn Repository,
    digest: &Digest,
    range: ByteRange,
) -> Outcome {
    let reader = repository.blobs().open(digest, Some(range)).await?;
    let place = content_range(&reader.range, reader.descriptor.size);
    let answer = served(StatusCode::PARTIAL_CONTENT, &reader.descriptor.digest);
    Ok(answer.with_text(header::CONTENT_RANGE, place).body(payload(call, reader)))
}

async fn several(
    call: &Call,
    repository: &dyn Repository,
    whole: BlobReader,
    ranges: &[Range<u64>],
) -> Outcome {
    let digest = &whole.descriptor.digest;
    let mut parts = Multipart::new(whole.descriptor.size);
    let shared: Vec<_> = ranges.iter().map(|range| part(&whole.content, range)).collect();
    for (range, shared) in ranges.iter().zip(shared) {
        let content = match shared {
            Some(content) => content,
            None => repository.blobs().open(digest, Some(between(range))).await?.content,
        };
        let len = range.end - range.start;
        parts.add(range, Payload::new(content, len, &call.shared.budget));
    }
    let answer = described(StatusCode::PARTIAL_CONTENT, digest);
    Ok(answer.with(header::CONTENT_TYPE, parts.content_type()).body(parts.finish()))
}

/// A part of content, `None` if it has to be opened on its own. The parts of a file share it, and
/// each is read when it is sent: a client that takes nothing does not make us hold them all.
fn part(whole: &Content, range: &Range<u64>) -> Option<Content> {
    match whole {
        Content::Bytes(bytes) => {
            let within = |at: u64| usize::try_from(at).ok().filter(|at| *at <= bytes.len());
            let (start, end) = within(range.start).zip(within(range.end))?;
            Some(bytes.slice(start..end).into())
        }
        Content::File(file) => {
            let (offset, len) = (file.offset() + range.start, range.end - range.start);
            Some(FileRegion::new(Arc::clone(file.file()), offset, len).into())
        }
        Content::Stream(_) => None,
    }
}

/// Whether a backend answers such a range as we do. Some know neither several ranges nor those that
/// count from the end, and fail or send the whole.
fn any_store_answers(range: Option<&str>) -> bool {
    let Some(range) = range else { return true };
    range.strip_prefix("bytes=").is_some_and(|range| {
        range.starts_with(|first: char| first.is_ascii_digit()) && !range.contains(',')
    })
}

/// Sends the client to the backend. `HEAD` is answered here: it is cheaper than another request.
async fn redirect(
    call: &Call,
    repository: &dyn Repository,
    digest: &Digest,
) -> Outcome<Option<Answer>> {
    let redirector = repository.blobs().redirector().filter(|_| call.shared.options.redirect);
    let Some(redirector) = redirector else { return Ok(None) };
    let Some(url) = redirector.redirect(digest, call.method.as_str()).await? else {
        return Ok(None);
    };
    let url = HeaderValue::try_from(url).map_err(|error| {
        Error::from(ErrorKind::Other(format!("redirect of {digest}"))).because(error)
    })?;
    let answer = Answer::new(StatusCode::TEMPORARY_REDIRECT).digest(digest);
    Ok(Some(answer.with(header::LOCATION, url)))
}

/// The headers of a blob that is sent, or could be.
fn served(status: StatusCode, digest: &Digest) -> Answer {
    let octets = HeaderValue::from_static("application/octet-stream");
    described(status, digest).with(header::CONTENT_TYPE, octets)
}

/// The headers that every answer about a blob has. Content never changes, so it may be kept for a
/// year.
fn described(status: StatusCode, digest: &Digest) -> Answer {
    Answer::new(status)
        .identified(digest)
        .with(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"))
        .with(header::CACHE_CONTROL, HeaderValue::from_static("max-age=31536000"))
}

fn payload(call: &Call, reader: BlobReader) -> Payload {
    let len = reader.range.end - reader.range.start;
    Payload::new(reader.content, len, &call.shared.budget)
}

/// A range that is not empty.
fn between(range: &Range<u64>) -> ByteRange {
    ByteRange::Between(range.start, range.end.saturating_sub(1))
}

fn unsatisfiable(size: u64) -> Failure {
    Error::from(ErrorKind::RangeUnsatisfiable { size }).into()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::stream;
    use wharf_content::ByteStream;

    use super::*;

    #[tokio::test]
    async fn a_part_of_a_file_is_not_read_before_it_is_sent() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"..0123456789").unwrap();
        let whole = FileRegion::new(Arc::new(file), 2, 10).into();
        let Some(Content::File(region)) = part(&whole, &(3..5)) else {
            panic!("a part of a file is a part of a file");
        };
        assert_eq!(region.read().await.unwrap(), "34");

        let whole = Content::from("0123456789");
        let bytes = part(&whole, &(3..5)).unwrap().collect(10).await.unwrap();
        assert_eq!(bytes, "34");
        assert!(part(&whole, &(3..11)).is_none());
        assert!(part(&Content::Stream(ByteStream::new(stream::empty())), &(0..1)).is_none());
    }

    #[test]
    fn only_ranges_that_every_store_knows_are_left_to_it() {
        for (range, left) in [
            (None, true),
            (Some("bytes=0-9"), true),
            (Some("bytes=5-"), true),
            (Some("bytes=-5"), false),
            (Some("bytes=0-1,3-4"), false),
            (Some("lines=1-2"), false),
        ] {
            assert_eq!(super::any_store_answers(range), left, "{range:?}");
        }
    }
}
