//! The blobs of a repository.

use std::ops::Range;

use http::{HeaderValue, StatusCode, header};
use wharf_api::ErrorCode;
use wharf_content::{ByteRange, RangeSet};
use wharf_core::{BlobReader, Error, ErrorKind, Repository};
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

use super::multipart::{Multipart, content_range};
use crate::{
    Payload,
    answer::Answer,
    call::Call,
    conditional::{IfNoneMatch, etag, if_range},
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
            return Ok(answer.with_text(header::CONTENT_LENGTH, descriptor.size));
        }
    }
    if let Some(elsewhere) = redirect(call, &*repository, digest).await? {
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
    let size = async || Ok::<_, Error>(blobs.stat(digest).await?.size);
    let Ok(ranges) = RangeSet::parse(ranges) else {
        return Err(unsatisfiable(size().await?));
    };
    let Some(ranges) = ranges else {
        return whole(call, repository, digest).await;
    };
    let mut given = ranges.iter();
    if let (Some(range), None) = (given.next(), given.next()) {
        return single(call, repository, digest, range).await;
    }
    let size = size().await?;
    match ranges.resolve(size).as_slice() {
        [] => Err(unsatisfiable(size)),
        [range] => single(call, repository, digest, between(range)).await,
        parts => several(call, repository, digest, size, parts).await,
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
    digest: &Digest,
    size: u64,
    ranges: &[Range<u64>],
) -> Outcome {
    let mut parts = Multipart::new(size);
    for range in ranges {
        let reader = repository.blobs().open(digest, Some(between(range))).await?;
        parts.add(&reader.range.clone(), payload(call, reader));
    }
    let answer = described(StatusCode::PARTIAL_CONTENT, digest);
    Ok(answer.with(header::CONTENT_TYPE, parts.content_type()).body(parts.finish()))
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
        .digest(digest)
        .with(header::ETAG, etag(digest))
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
