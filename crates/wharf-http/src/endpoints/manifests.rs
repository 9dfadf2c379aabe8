//! The manifests of a repository.
//!
//! A manifest is answered with the bytes and the media type it was pushed with, whatever the
//! `Accept` of the request says: it is never converted, and a client that names other types only is
//! better served by a `Content-Type` it can read than by a 404 for something that exists.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use wharf_api::{ErrorCode, ErrorInfo, Query, Target};
use wharf_core::{ErrorKind, Fetched, GetOptions, ManifestBytes, PutOptions, Stored};
use wharf_digest::Algorithm;
use wharf_manifest::{Descriptor, MediaType};
use wharf_reference::{RepositoryName, Tag, TagOrDigest};

use crate::{
    answer::{Answer, OCI_SUBJECT, OCI_TAG},
    call::Call,
    conditional::IfNoneMatch,
    errors::{Failure, Outcome},
    incoming::{CollectFault, Incoming},
};

/// The most `tag` parameters of one push.
const MOST_TAGS: usize = 100;

/// The most media types of `Accept` that are looked at.
const MOST_ACCEPTED: usize = 64;

/// Manifests from this size on are hashed on a blocking thread.
const LARGE: usize = 256 << 10;

pub(super) async fn get(call: &Call, name: &RepositoryName, reference: &TagOrDigest) -> Outcome {
    let repository = call.repository(name);
    let condition = IfNoneMatch::of(&call.headers);
    if call.is_head() || condition == IfNoneMatch::Any {
        let descriptor = repository.manifests().resolve(reference).await?;
        return Ok(described(&descriptor, condition.matches(&descriptor.digest)));
    }
    let options = GetOptions {
        accept: accepted(call),
        if_none_match: match condition {
            IfNoneMatch::Digests(digests) => digests,
            _ => Vec::new(),
        },
    };
    Ok(match repository.manifests().get(reference, options).await? {
        Fetched::NotModified(descriptor) => described(&descriptor, true),
        Fetched::Manifest(manifest) => {
            described(&manifest.descriptor(), false).body(manifest.bytes().clone())
        }
    })
}

pub(super) async fn put(
    call: &Call,
    name: &RepositoryName,
    reference: &TagOrDigest,
    body: &mut Incoming,
) -> Outcome {
    let parameters = tags(&call.query()?)?;
    let media_type = media_type(call)?;
    let bytes = collect(body, call.shared.options.max_manifest_bytes).await?;
    let manifest = hash(media_type, bytes, reference).await?;
    let mut tags: Vec<Tag> = reference.tag().cloned().into_iter().collect();
    tags.extend(parameters.iter().filter(|tag| reference.tag() != Some(tag)).cloned());
    let options = PutOptions { tags, ..PutOptions::default() };
    let stored = call.repository(name).manifests().put(manifest, options).await?;
    Ok(created(call, name, &stored, &parameters))
}

pub(super) async fn delete(call: &Call, name: &RepositoryName, reference: &TagOrDigest) -> Outcome {
    let repository = call.repository(name);
    match reference {
        TagOrDigest::Tag(tag) => repository.tags().untag(tag).await?,
        TagOrDigest::Digest(digest) => repository.manifests().delete(digest).await?,
    }
    Ok(Answer::new(StatusCode::ACCEPTED))
}

/// The headers of a manifest; `304` if the client has it.
fn described(descriptor: &Descriptor, unchanged: bool) -> Answer {
    let status = if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let answer = Answer::new(status).identified(&descriptor.digest);
    if unchanged {
        return answer;
    }
    answer
        .with_text(header::CONTENT_TYPE, &descriptor.media_type)
        .with(header::CONTENT_LENGTH, HeaderValue::from(descriptor.size))
}

fn created(call: &Call, name: &RepositoryName, stored: &Stored, parameters: &[Tag]) -> Answer {
    let digest = stored.descriptor.digest;
    let target = Target::Manifest { name: name.clone(), reference: digest.into() };
    let mut answer =
        Answer::new(StatusCode::CREATED).with(header::LOCATION, call.url(&target)).digest(&digest);
    if let Some(subject) = &stored.subject {
        answer = answer.with_text(OCI_SUBJECT, subject);
    }
    for tag in stored.tags.iter().filter(|tag| parameters.contains(tag)) {
        answer = answer.with_text(OCI_TAG, tag);
    }
    answer
}

/// The tags of the query, each once.
fn tags(query: &Query<'_>) -> Outcome<Vec<Tag>> {
    let mut tags = Vec::new();
    for (index, text) in query.all("tag").enumerate() {
        if index == MOST_TAGS {
            let message = format!("more than {MOST_TAGS} tags in one push");
            let error = ErrorInfo::new(ErrorCode::TagInvalid).with_status(414);
            return Err(error.with_message(message).into());
        }
        let tag = Tag::parse(text)
            .map_err(|error| Failure::new(ErrorCode::TagInvalid, error.to_string()))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// The `Content-Type` is required, as in docker/distribution: a manifest that is not what its
/// pusher thinks it is should not be stored as something else.
fn media_type(call: &Call) -> Outcome<MediaType> {
    let invalid = |message: String| Failure::new(ErrorCode::ManifestInvalid, message);
    let text = call.header(&header::CONTENT_TYPE).filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| invalid("manifest invalid: no Content-Type".into()))?;
    MediaType::from_content_type(text)
        .map_err(|error| invalid(format!("manifest invalid: Content-Type: {error}")))
}

/// The media types that the client names, for an upstream that wants to know.
fn accepted(call: &Call) -> Vec<MediaType> {
    let lines = call.headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let types = lines.flat_map(|line| line.split(',')).take(MOST_ACCEPTED);
    types.filter_map(|text| MediaType::from_content_type(text.trim()).ok()).collect()
}

async fn collect(body: &mut Incoming, limit: u64) -> Outcome<Bytes> {
    body.collect(limit).await.map_err(|fault| match fault {
        CollectFault::TooLarge => {
            let error = wharf_core::Error::from(ErrorKind::ManifestTooLarge { limit });
            error.into()
        }
        CollectFault::Body(fault) => fault.into(),
    })
}

/// Hashes with the algorithm of the URL; what it names has to be what came.
async fn hash(
    media_type: MediaType,
    bytes: Bytes,
    reference: &TagOrDigest,
) -> Outcome<ManifestBytes> {
    let algorithm = reference.digest().map_or(Algorithm::Sha256, |digest| digest.algorithm());
    let manifest = if bytes.len() < LARGE {
        ManifestBytes::new(media_type, bytes, algorithm)
    } else {
        tokio::task::spawn_blocking(move || ManifestBytes::new(media_type, bytes, algorithm))
            .await
            .map_err(|_| Failure::from(ErrorCode::Unavailable))?
    };
    let actual = manifest.digest();
    match reference.digest() {
        Some(expected) if *expected != actual => {
            let mismatch = ErrorKind::DigestMismatch { expected: *expected, actual };
            Err(wharf_core::Error::from(mismatch).into())
        }
        _ => Ok(manifest),
    }
}
