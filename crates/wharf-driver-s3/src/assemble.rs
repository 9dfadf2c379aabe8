//! One object of several, by copies inside of the store.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, future::ready, stream};
use http::{HeaderName, HeaderValue, Method, Request};
use object_store::{
    Error, ObjectStoreExt, Result,
    client::{HttpRequest, HttpRequestBody},
    multipart::{MultipartStore, PartId},
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wharf_driver_cloud::xml;
use wharf_driver_object::{Assemble, Piece};

use crate::{Copies, build::Bucket};

/// Copies the pieces, or ranges of them, as the parts of one multipart upload.
#[derive(Debug)]
pub(crate) struct Copier {
    bucket: Arc<Bucket>,
    copies: Copies,
}

/// A part of an upload: a whole object, or a range of one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    source: Path,
    range: Option<Range<u64>>,
}

/// The most parts that an upload may have.
const MOST_PARTS: u64 = 10_000;

/// How long a signature is good for; each try has a new one.
const VALID_FOR: Duration = Duration::from_secs(15 * 60);

static SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
static SOURCE_RANGE: HeaderName = HeaderName::from_static("x-amz-copy-source-range");

/// What stands as it is in the name of a source.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

// === impl Copier ===

impl Copier {
    pub(crate) fn new(bucket: Arc<Bucket>, copies: Copies) -> Self {
        Self { bucket, copies }
    }

    async fn copy_all(&self, parts: &[Part], target: &Path, upload: &str) -> Result<()> {
        let numbered = parts.iter().zip(1..);
        let copies = numbered.map(|(part, number)| self.copy(part, target, upload, number).boxed());
        let copied =
            stream::iter(copies.collect::<Vec<_>>()).buffered(self.copies.concurrency.max(1));
        let copied: Vec<PartId> = copied.try_collect().await?;
        let upload = upload.to_owned();
        self.bucket.store.complete_multipart(target, &upload, copied).await.map(drop)
    }

    async fn copy(
        &self,
        part: &Part,
        target: &Path,
        upload: &str,
        number: usize,
    ) -> Result<PartId> {
        let headers = part.headers(&self.bucket.name)?;
        let query = [("partNumber", number.to_string()), ("uploadId", upload.to_owned())];
        let mut options = SignedUrlOptions::new().with_query(query);
        for (name, value) in &headers {
            options = options.with_signed_header(name.clone(), value.clone());
        }
        let make = || {
            let signer = &self.bucket.store;
            let url = signer.signed_url_opts(Method::PUT, target, VALID_FOR, &options);
            url.and_then(|url| ready(request(url.as_str(), &headers))).boxed()
        };
        let reply = self.bucket.requests.send(&part.source, &make).await?;
        match xml::element(&reply.text(), "ETag") {
            Some(tag) => Ok(PartId { content_id: xml::unescape(tag) }),
            None => Err(unexpected("a part was copied, but its tag is missing")),
        }
    }
}

#[async_trait]
impl Assemble for Copier {
    async fn assemble(&self, pieces: &[Piece], target: &Path) -> Result<()> {
        let parts = plan(pieces, self.copies);
        if let [Part { source, range: None }] = &parts[..] {
            return self.bucket.store.copy(source, target).await;
        }
        let upload = self.bucket.store.create_multipart(target).await?;
        let done = self.copy_all(&parts, target, &upload).await;
        if done.is_err()
            && let Err(error) = self.bucket.store.abort_multipart(target, &upload).await
        {
            tracing::warn!(%target, %error, "an unfinished copy stays behind until it is purged");
        }
        done
    }
}

/// Which parts an object is made of. Large pieces are several, so that they are copied side by side.
fn plan(pieces: &[Piece], copies: Copies) -> Vec<Part> {
    let total: u64 = pieces.iter().map(|piece| piece.size).sum();
    let room = MOST_PARTS.saturating_sub(pieces.len() as u64).max(1);
    let part = copies.part.max(total.div_ceil(room));
    pieces.iter().flat_map(|piece| cut(piece, part, copies.threshold)).collect()
}

/// A piece in parts of equal size, none of which is smaller than `part`.
fn cut(piece: &Piece, part: u64, threshold: u64) -> Vec<Part> {
    let count = if piece.size > threshold { (piece.size / part).max(1) } else { 1 };
    let at = |index: u64| (u128::from(piece.size) * u128::from(index) / u128::from(count)) as u64;
    let range = |index| (count > 1).then(|| at(index)..at(index + 1));
    (0..count).map(|index| Part { source: piece.location.clone(), range: range(index) }).collect()
}

// === impl Part ===

impl Part {
    fn headers(&self, bucket: &str) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let key = utf8_percent_encode(self.source.as_ref(), PLAIN);
        let mut headers = vec![(SOURCE.clone(), value(format!("{bucket}/{key}"))?)];
        if let Some(Range { start, end }) = &self.range {
            headers.push((SOURCE_RANGE.clone(), value(format!("bytes={start}-{}", end - 1))?));
        }
        Ok(headers)
    }
}

fn request(url: &str, headers: &[(HeaderName, HeaderValue)]) -> Result<HttpRequest> {
    let request = Request::builder().method(Method::PUT).uri(url);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(HttpRequestBody::empty()).map_err(unexpected)
}

fn value(text: String) -> Result<HeaderValue> {
    HeaderValue::try_from(text).map_err(unexpected)
}

fn unexpected(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "S3", source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn pieces(sizes: &[u64]) -> Vec<Piece> {
        let piece = |(index, size): (usize, &u64)| Piece {
            location: Path::from(format!("p{index}")),
            size: *size,
        };
        sizes.iter().enumerate().map(piece).collect()
    }

    fn copies(threshold: u64, part: u64) -> Copies {
        Copies { threshold, part, concurrency: 1 }
    }

    #[test]
    fn small_pieces_are_copied_whole() {
        let parts = plan(&pieces(&[10 * MIB, 3]), copies(32 * MIB, 8 * MIB));
        assert!(parts.iter().all(|part| part.range.is_none()) && parts.len() == 2);
    }

    #[test]
    fn large_pieces_are_cut_without_gaps_into_parts_that_are_large_enough() {
        for size in [33 * MIB, 64 * MIB - 1, 1024 * MIB + 7] {
            let parts = plan(&pieces(&[size, 5]), copies(32 * MIB, 5 * MIB));
            let mut end = 0;
            for part in &parts[..parts.len() - 1] {
                let range = part.range.clone().expect("cut");
                assert_eq!(range.start, end);
                assert!(range.end - range.start >= 5 * MIB);
                end = range.end;
            }
            assert_eq!(end, size);
        }
    }

    #[test]
    fn an_upload_never_has_too_many_parts() {
        let parts = plan(&pieces(&vec![1024 * MIB; 5000]), copies(MIB, 5 * MIB));
        assert!(parts.len() as u64 <= MOST_PARTS, "{}", parts.len());
    }

    #[test]
    fn a_source_is_named_as_the_store_wants_it() {
        let part = Part { source: Path::from("a/b+c d"), range: Some(5..10) };
        let headers = part.headers("bucket").expect("valid");
        assert_eq!(headers[0].1, "bucket/a/b%2Bc%20d");
        assert_eq!(headers[1].1, "bytes=5-9");
    }
}
