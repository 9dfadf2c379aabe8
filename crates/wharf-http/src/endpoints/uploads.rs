//! Blobs on their way in: a session begins, takes bytes, and ends.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use wharf_api::{ErrorCode, Query, Target};
use wharf_core::{BlobWriter, CreateOptions, CreateOutcome, Mount, UploadId, UploadStatus};
use wharf_digest::{Algorithm, Digest};
use wharf_reference::RepositoryName;

use super::receive::{Chunk, receive};
use crate::{
    answer::{Answer, DOCKER_UPLOAD_UUID, value},
    call::Call,
    errors::{Failure, Outcome},
    incoming::Incoming,
};

/// `POST`: begins a session, mounts a blob, or takes a whole blob at once.
pub(super) async fn start(call: &Call, name: &RepositoryName, body: &mut Incoming) -> Outcome {
    let query = call.query()?;
    let digest = query.get("digest").map(Digest::parse).transpose()?;
    let options = CreateOptions {
        mount: mount(call, &query)?,
        algorithm: algorithm(&query, digest.as_ref())?,
        size_hint: body.announced(),
        digest: digest.filter(|digest| is_monolithic(digest, body)),
    };
    let repository = call.repository(name);
    let mut writer = match repository.blobs().create(options).await? {
        CreateOutcome::Mounted { descriptor, .. } => {
            return Ok(stored(call, name, &descriptor.digest));
        }
        CreateOutcome::Upload(writer) => writer,
    };
    match digest.filter(|digest| is_monolithic(digest, body)) {
        Some(digest) => {
            let outcome = whole(&mut *writer, body, &digest).await;
            if outcome.is_err() {
                // Its id was never told: nobody could go on with it.
                discard(&mut *writer).await;
            }
            outcome.map(|digest| stored(call, name, &digest))
        }
        None => {
            let status = UploadStatus {
                id: writer.id().clone(),
                size: writer.size(),
                started_at: writer.started_at(),
            };
            Ok(session(call, name, &status, StatusCode::ACCEPTED))
        }
    }
}

/// `GET` and `HEAD`: where the session stands. A client that has lost its way needs no state here,
/// and finds a fresh one.
pub(super) async fn status(call: &Call, name: &RepositoryName, id: &str) -> Outcome {
    let status = call.repository(name).blobs().status(&upload_id(id)?).await?;
    Ok(session(call, name, &status, StatusCode::NO_CONTENT))
}

/// `PATCH`: takes the next bytes.
pub(super) async fn append(
    call: &Call,
    name: &RepositoryName,
    id: &str,
    body: &mut Incoming,
) -> Outcome {
    let id = upload_id(id)?;
    let offset = authentic(call, name, &id)?;
    octets(call)?;
    let appended = async {
        let mut writer = call.repository(name).blobs().resume(&id).await?;
        let chunk = Chunk::of(call, body, offset)?;
        chunk.check(&*writer)?;
        receive(&mut *writer, body, &chunk).await?;
        Ok(writer.suspend().await?)
    };
    match appended.await {
        Ok(status) => Ok(session(call, name, &status, StatusCode::ACCEPTED)),
        Err(failure) => Err(placed(call, name, &id, failure).await),
    }
}

/// `PUT`: takes the last bytes, if there are any, and ends the session with a blob.
pub(super) async fn commit(
    call: &Call,
    name: &RepositoryName,
    id: &str,
    body: &mut Incoming,
) -> Outcome {
    let id = upload_id(id)?;
    let offset = authentic(call, name, &id)?;
    let query = call.query()?;
    let missing = || Failure::new(ErrorCode::DigestInvalid, "digest missing");
    let digest = Digest::parse(query.get("digest").ok_or_else(missing)?)?;
    let committed = async {
        let mut writer = call.repository(name).blobs().resume(&id).await?;
        // Without a body there is nothing that could be out of order.
        if body.announced() != Some(0) {
            let chunk = Chunk::of(call, body, offset)?;
            if body.announced().is_some() {
                chunk.check(&*writer)?;
            }
            if writer.size() == 0 {
                writer.aim(&digest, body.announced()).await?;
            }
            receive(&mut *writer, body, &chunk).await?;
        }
        Ok(writer.commit(&digest).await?)
    };
    match committed.await {
        Ok(descriptor) => Ok(stored(call, name, &descriptor.digest)),
        Err(failure) => Err(placed(call, name, &id, failure).await),
    }
}

/// `DELETE`: gives the session up.
pub(super) async fn cancel(call: &Call, name: &RepositoryName, id: &str) -> Outcome {
    let id = upload_id(id)?;
    authentic(call, name, &id)?;
    let cancelled = async {
        call.repository(name).blobs().resume(&id).await?.cancel().await?;
        Ok(Answer::new(StatusCode::NO_CONTENT).with_text(DOCKER_UPLOAD_UUID, &id))
    };
    match cancelled.await {
        Err(failure) => Err(placed(call, name, &id, failure).await),
        done => done,
    }
}

/// Where a session stands, and the URL to go on with.
fn session(call: &Call, name: &RepositoryName, at: &UploadStatus, status: StatusCode) -> Answer {
    Answer::new(status)
        .with(header::LOCATION, call.upload_url(name, &at.id, at.size))
        .with(header::RANGE, range(at.size))
        .with_text(DOCKER_UPLOAD_UUID, &at.id)
}

/// A blob that is stored.
fn stored(call: &Call, name: &RepositoryName, digest: &Digest) -> Answer {
    let target = Target::Blob { name: name.clone(), digest: *digest };
    Answer::new(StatusCode::CREATED).with(header::LOCATION, call.url(&target)).digest(digest)
}

/// The bytes that a session has. There is no way to write that it has none: `0-0` is that as well.
fn range(size: u64) -> HeaderValue {
    value(format!("0-{}", size.saturating_sub(1)))
}

/// A client that was out of order is told where to go on.
async fn placed(call: &Call, name: &RepositoryName, id: &UploadId, failure: Failure) -> Failure {
    if failure.status() != StatusCode::RANGE_NOT_SATISFIABLE {
        return failure;
    }
    match call.repository(name).blobs().status(id).await {
        Ok(at) => failure
            .with(header::LOCATION, call.upload_url(name, &at.id, at.size))
            .with(header::RANGE, range(at.size))
            .with(DOCKER_UPLOAD_UUID, value(&at.id)),
        Err(_) => failure,
    }
}

/// The offset for which the URL was made, if it was made for this session.
fn authentic(call: &Call, name: &RepositoryName, id: &UploadId) -> Outcome<u64> {
    let query = call.query()?;
    let state = query.get("_state").unwrap_or_default();
    let offset = call.shared.signer.verify(call.session(name, id), state);
    offset.ok_or_else(|| {
        let message = format!("blob upload invalid: no valid state in the URL of upload {id}");
        Failure::new(ErrorCode::BlobUploadInvalid, message)
    })
}

fn upload_id(text: &str) -> Outcome<UploadId> {
    UploadId::parse(text).ok_or_else(|| ErrorCode::BlobUploadUnknown.into())
}

/// Refuses what is clearly not raw bytes, a form for instance.
fn octets(call: &Call) -> Outcome<()> {
    let text = call.header(&header::CONTENT_TYPE).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.is_empty() || essence.eq_ignore_ascii_case("application/octet-stream") {
        return Ok(());
    }
    let shown: String = essence.chars().take(64).collect();
    let message = format!("a chunk is application/octet-stream, not {shown:?}");
    let error = wharf_api::ErrorInfo::new(ErrorCode::Unsupported).with_status(415);
    Err(error.with_message(message).into())
}

/// What to mount. A source that no repository can be called is no source, and is not a reason to
/// look for another one either.
fn mount(call: &Call, query: &Query<'_>) -> Outcome<Option<Mount>> {
    let Some(digest) = query.get("mount").filter(|digest| !digest.is_empty()) else {
        return Ok(None);
    };
    let digest = Digest::parse(digest)?;
    let from = match query.get("from").filter(|from| !from.is_empty()) {
        None => None,
        Some(from) => match RepositoryName::parse(from) {
            Ok(from) => Some(from),
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(Mount { digest, from, allowed: Arc::clone(&call.may_pull) }))
}

/// What to hash with while receiving.
fn algorithm(query: &Query<'_>, digest: Option<&Digest>) -> Outcome<Option<Algorithm>> {
    let named = query.get("digest-algorithm").filter(|name| !name.is_empty());
    let named = named.map(Algorithm::parse).transpose()?;
    Ok(digest.map(Digest::algorithm).or(named))
}

/// Whether the blob comes with the request. Some clients send the digest ahead of an upload that
/// they mean to make step by step: without a body they get their session.
fn is_monolithic(digest: &Digest, body: &Incoming) -> bool {
    body.announced() != Some(0) || digest.matches(b"")
}

async fn whole(
    writer: &mut dyn BlobWriter,
    body: &mut Incoming,
    digest: &Digest,
) -> Outcome<Digest> {
    receive(writer, body, &Chunk::unplaced()).await?;
    Ok(writer.commit(digest).await?.digest)
}

async fn discard(writer: &mut dyn BlobWriter) {
    if let Err(error) = writer.cancel().await {
        tracing::warn!(%error, upload = %writer.id(), "an upload could not be discarded");
    }
}
