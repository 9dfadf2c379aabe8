//! Pushing blobs: in one request, in two, in chunks, as a stream.

use bytes::Bytes;
use wharf_digest::{Algorithm, Digest};

use super::{
    Check, Registry, Response, Stop,
    check::{ensure, same},
    registry::Blob,
    scenarios,
};

scenarios! {
    "OCI: Pushing a Blob Monolithically" {
        post_then_put,
        a_single_post,
        posts_without_the_last_slash_are_not_redirected,
        a_wrong_digest_is_400_however_it_is_pushed,
        a_missing_or_malformed_digest_is_400,
        the_digest_algorithm_can_be_named_at_the_start,
    }
    "OCI: Pushing a Blob in Chunks" {
        chunks_in_order,
        the_last_chunk_in_the_closing_put,
        a_stream_without_a_length,
        chunks_out_of_order_are_416,
        a_closing_put_out_of_order_is_416,
        a_chunk_sent_again_to_a_stale_url_is_416,
        sizes_that_disagree_change_nothing,
        broken_content_ranges_change_nothing,
    }
    "OCI: Canceling a Blob Upload" {
        a_canceled_upload_is_gone,
        unknown_uploads_are_404,
    }
}

/// Fails unless it says that the blob is stored, and the blob is there.
async fn stored(registry: &Registry, response: Response, blob: &Blob) -> Check {
    let response = response.status(&[201])?;
    let response = response.with("docker-content-digest", &blob.digest.to_string())?;
    let location = response.needs("location")?;
    ensure(location.ends_with(&format!("/blobs/{}", blob.digest)), response.complaint(location))?;
    registry.get(location).await?.content(&blob.digest, &blob.bytes)?;
    Ok(())
}

/// Fails unless it says that bytes are taken; returns where to go on.
fn accepted(response: Response, size: usize) -> Check<String> {
    let response = response.status(&[202])?.stands_at(size as u64)?;
    Ok(response.needs("location")?.to_owned())
}

/// Asks an upload where it stands; returns where to go on.
pub(super) async fn standing(registry: &Registry, location: &str, size: usize) -> Check<String> {
    let response = registry.get(location).await?.status(&[204])?.stands_at(size as u64)?;
    Ok(response.needs("location")?.to_owned())
}

/// Ends an upload.
async fn commit(registry: &Registry, location: &str, digest: &Digest) -> Check<Response> {
    registry.request("PUT", location).query("digest", digest).send().await
}

async fn post_then_put(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for len in [0, 1, 700, 3 << 20] {
        let blob = registry.blob("sized", len);
        let location = registry.begin(&repository).await?;
        let put = registry.request("PUT", &location).query("digest", blob.digest);
        stored(&registry, put.body(blob.bytes.clone()).send().await?, &blob).await?;

        // Chunked, with the digest percent-encoded, as the official suite and many clients do it.
        let blob = registry.blob("chunked", len);
        let location = registry.begin(&repository).await?;
        let encoded = blob.digest.to_string().replace(':', "%3A");
        let put = registry.request("PUT", &location).query("digest", encoded);
        stored(&registry, put.chunked([blob.bytes.clone()]).send().await?, &blob).await?;
        ensure(registry.get(&location).await?.status == 404, "the session is still there")?;
    }
    Ok(())
}

async fn a_single_post(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for len in [1, 700, 3 << 20] {
        let blob = registry.blob("content", len);
        let post = registry.request("POST", &format!("/v2/{repository}/blobs/uploads/"));
        let post =
            post.query("digest", blob.digest).header("content-type", "application/octet-stream");
        let response = post.body(blob.bytes.clone()).send().await?.status(&[201, 202])?;
        if response.status == 202 {
            return Err(Stop::skip("answered with a session, as the specification allows"));
        }
        stored(&registry, response, &blob).await?;
    }
    Ok(())
}

async fn posts_without_the_last_slash_are_not_redirected(registry: Registry) -> Check {
    let path = format!("/v2/{}/blobs/uploads", registry.repository("a"));
    let response = registry.request("POST", &path).send().await?.status(&[202])?;
    let location = response.needs("location")?.to_owned();
    ensure(!response.needs("docker-upload-uuid")?.is_empty(), "an empty id")?;
    same("the length", response.header("content-length"), Some("0"))?;
    standing(&registry, &location, 0).await?;
    Ok(())
}

async fn a_wrong_digest_is_400_however_it_is_pushed(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let bytes = registry.bytes("content", 1000);
    let refused = |response: Response| response.error(400, &["DIGEST_INVALID"]).map(drop);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let wrong = Digest::of(algorithm, b"something else");
        let closing = |location: &str| registry.request("PUT", location).query("digest", wrong);

        let post = registry.request("POST", &format!("/v2/{repository}/blobs/uploads/"));
        let response = post.query("digest", wrong).body(bytes.clone()).send().await?;
        if response.status != 202 {
            refused(response)?;
        }
        let location = registry.begin(&repository).await?;
        refused(closing(&location).body(bytes.clone()).send().await?)?;

        let location = registry.begin(&repository).await?;
        let response = registry.patch(&location, 0, bytes.clone()).send().await?;
        refused(closing(&accepted(response, 1000)?).send().await?)?;

        let location = registry.begin(&repository).await?;
        let response = registry.patch(&location, 0, bytes.slice(..600)).send().await?;
        let location = accepted(response, 600)?;
        let last = closing(&location).header("content-range", "600-999");
        refused(last.body(bytes.slice(600..)).send().await?)?;

        let location = registry.begin(&repository).await?;
        let stream = registry.request("PATCH", &location).chunked([bytes.clone()]).send().await?;
        refused(closing(&accepted(stream, 1000)?).send().await?)?;

        let path = format!("/v2/{repository}/blobs/{wrong}");
        registry.head(&path).await?.status(&[404])?;
    }
    let path = format!("/v2/{repository}/blobs/{}", Digest::sha256(&bytes));
    registry.head(&path).await?.status(&[404])?;
    Ok(())
}

async fn a_missing_or_malformed_digest_is_400(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 10);
    let location = registry.begin(&repository).await?;
    let location = accepted(registry.patch(&location, 0, blob.bytes.clone()).send().await?, 10)?;
    let refused = |response: Response| response.error(400, &["DIGEST_INVALID", "UNSUPPORTED"]);
    refused(registry.request("PUT", &location).send().await?)?;
    for digest in ["", "latest", "sha256:", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
        let request = registry.request("PUT", &location).query("digest", digest);
        refused(request.send().await?)?;
        let post = registry.request("POST", &format!("/v2/{repository}/blobs/uploads/"));
        let post = post.query("digest", digest).body(blob.bytes.clone());
        let response = post.send().await?;
        // An empty one may count as none.
        if response.status != 202 || !digest.is_empty() {
            refused(response)?;
        }
    }
    let location = standing(&registry, &location, 10).await?;
    stored(&registry, commit(&registry, &location, &blob.digest).await?, &blob).await
}

async fn the_digest_algorithm_can_be_named_at_the_start(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let path = format!("/v2/{repository}/blobs/uploads/");
    let bytes = registry.bytes("content", 1000);
    for algorithm in Algorithm::ALL {
        let blob = Blob { digest: Digest::of(algorithm, &bytes), bytes: bytes.clone() };
        let post = registry.request("POST", &path).query("digest-algorithm", algorithm);
        let location = accepted(post.send().await?, 0)?;
        let response = registry.patch(&location, 0, bytes.slice(..500)).send().await?;
        let location = accepted(response, 500)?;
        let response = registry.patch(&location, 500, bytes.slice(500..)).send().await?;
        let location = accepted(response, 1000)?;
        stored(&registry, commit(&registry, &location, &blob.digest).await?, &blob).await?;
    }
    let post = registry.request("POST", &path).query("digest-algorithm", "md5");
    post.send().await?.error(400, &["UNSUPPORTED", "DIGEST_INVALID"])?;
    Ok(())
}

async fn chunks_in_order(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for (word, len, chunk) in
        [("one", 512, 512), ("three", 3067, 1024), ("large", 5 << 20, 2 << 20)]
    {
        let blob = registry.blob(word, len);
        let mut location = registry.begin(&repository).await?;
        for first in (0..len).step_by(chunk) {
            let bytes = blob.bytes.slice(first..len.min(first + chunk));
            let end = first + bytes.len();
            location = accepted(registry.patch(&location, first, bytes).send().await?, end)?;
            location = standing(&registry, &location, end).await?;
        }
        stored(&registry, commit(&registry, &location, &blob.digest).await?, &blob).await?;
    }
    Ok(())
}

async fn the_last_chunk_in_the_closing_put(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 3000);
    for range in [None, Some("2000-2999")] {
        let location = registry.begin(&repository).await?;
        let response = registry.patch(&location, 0, blob.bytes.slice(..2000)).send().await?;
        let location = accepted(response, 2000)?;
        let mut put = registry.request("PUT", &location).query("digest", blob.digest);
        if let Some(range) = range {
            put = put.header("content-range", range);
        }
        stored(&registry, put.body(blob.bytes.slice(2000..)).send().await?, &blob).await?;
    }
    Ok(())
}

async fn a_stream_without_a_length(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 3 << 20);
    let location = registry.begin(&repository).await?;
    // The official suite asks where the upload stands at the URL that has the digest, too.
    let pieces = (0..3).map(|at| blob.bytes.slice(at << 20..(at + 1) << 20));
    let stream = registry.request("PATCH", &location).chunked(pieces);
    let stream = stream.header("content-type", "application/octet-stream");
    let location = accepted(stream.send().await?, 3 << 20)?;
    let separator = if location.contains('?') { '&' } else { '?' };
    let with_digest = format!("{location}{separator}digest={}", blob.digest);
    standing(&registry, &with_digest, 3 << 20).await?;
    let empty = registry.request("PUT", &location).query("digest", blob.digest).chunked([]);
    stored(&registry, empty.send().await?, &blob).await
}

/// Fails unless it says where the upload stands, and does not take the chunk.
async fn out_of_order(registry: &Registry, response: Response, size: usize) -> Check<String> {
    let response = response.error(416, &["RANGE_INVALID", "BLOB_UPLOAD_INVALID"])?;
    let location = response.needs("location")?.to_owned();
    response.stands_at(size as u64)?;
    standing(registry, &location, size).await
}

async fn chunks_out_of_order_are_416(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 3000);
    let part = |first: usize| blob.bytes.slice(first..first + 1000);
    let location = registry.begin(&repository).await?;
    let response = registry.patch(&location, 1000, part(1000)).send().await?;
    let location = out_of_order(&registry, response, 0).await?;
    let location = accepted(registry.patch(&location, 0, part(0)).send().await?, 1000)?;
    for wrong in [2000, 0, 999, 1001] {
        let response = registry.patch(&location, wrong, part(wrong)).send().await?;
        out_of_order(&registry, response, 1000).await?;
    }
    let location = accepted(registry.patch(&location, 1000, part(1000)).send().await?, 2000)?;
    let location = accepted(registry.patch(&location, 2000, part(2000)).send().await?, 3000)?;
    let response = registry.patch(&location, 0, part(0)).send().await?;
    let location = out_of_order(&registry, response, 3000).await?;
    stored(&registry, commit(&registry, &location, &blob.digest).await?, &blob).await
}

async fn a_closing_put_out_of_order_is_416(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 3000);
    let location = registry.begin(&repository).await?;
    let response = registry.patch(&location, 0, blob.bytes.slice(..2000)).send().await?;
    let location = accepted(response, 2000)?;
    let closing = |location: &str, range: &str, bytes: Bytes| {
        let put = registry.request("PUT", location).query("digest", blob.digest);
        put.header("content-range", range).body(bytes).send()
    };
    let response = closing(&location, "1000-1999", blob.bytes.slice(2000..)).await?;
    let location = out_of_order(&registry, response, 2000).await?;
    let response = closing(&location, "2001-3000", blob.bytes.slice(2000..)).await?;
    let location = out_of_order(&registry, response, 2000).await?;
    let response = closing(&location, "2000-2999", blob.bytes.slice(2000..)).await?;
    stored(&registry, response, &blob).await
}

async fn a_chunk_sent_again_to_a_stale_url_is_416(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 2000);
    let stale = registry.begin(&repository).await?;
    let first = registry.patch(&stale, 0, blob.bytes.slice(..1000));
    let fresh = accepted(first.clone().send().await?, 1000)?;
    out_of_order(&registry, first.send().await?, 1000).await?;
    standing(&registry, &stale, 1000).await?;
    let response = registry.patch(&fresh, 1000, blob.bytes.slice(1000..)).send().await?;
    let location = accepted(response, 2000)?;
    stored(&registry, commit(&registry, &location, &blob.digest).await?, &blob).await
}

async fn sizes_that_disagree_change_nothing(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 1000);
    let location = registry.begin(&repository).await?;
    for range in ["0-998", "0-1000", "0-0"] {
        let patch = registry.request("PATCH", &location).header("content-range", range);
        patch.clone().body(blob.bytes.clone()).send().await?.error(400, &["SIZE_INVALID"])?;
        standing(&registry, &location, 0).await?;
        patch.chunked([blob.bytes.clone()]).send().await?.error(400, &["SIZE_INVALID"])?;
        standing(&registry, &location, 0).await?;
    }
    let response = registry.patch(&location, 0, blob.bytes.clone()).send().await?;
    let location = accepted(response, 1000)?;
    stored(&registry, commit(&registry, &location, &blob.digest).await?, &blob).await
}

async fn broken_content_ranges_change_nothing(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let location = registry.begin(&repository).await?;
    for range in ["9-0", "a-b", "", "-", "0-", "-9", "0-18446744073709551615", "0-9-9"] {
        let patch = registry.request("PATCH", &location).header("content-range", range);
        let response = patch.body("0123456789").send().await?;
        response.status(&[400, 416])?;
        standing(&registry, &location, 0).await?;
    }
    Ok(())
}

async fn a_canceled_upload_is_gone(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 1000);
    let location = registry.begin(&repository).await?;
    let location = accepted(registry.patch(&location, 0, blob.bytes.clone()).send().await?, 1000)?;
    let response = registry.delete(&location).await?.status(&[204])?;
    ensure(response.body.is_empty(), response.complaint("has a body"))?;
    registry.get(&location).await?.error(404, &["BLOB_UPLOAD_UNKNOWN"])?;
    let response = registry.patch(&location, 1000, blob.bytes.clone()).send().await?;
    response.error(404, &["BLOB_UPLOAD_UNKNOWN"])?;
    let response = commit(&registry, &location, &blob.digest).await?;
    response.error(404, &["BLOB_UPLOAD_UNKNOWN"])?;
    registry.head(&format!("/v2/{repository}/blobs/{}", blob.digest)).await?.status(&[404])?;
    Ok(())
}

async fn unknown_uploads_are_404(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let codes = &["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"];
    for id in ["0199b7c0-0000-7000-8000-000000000000", "nothing", "..", "%2e%2e", "a%2fb", "%00"] {
        let path = format!("/v2/{repository}/blobs/uploads/{id}");
        registry.get(&path).await?.error(404, codes)?;
        registry.head(&path).await?.status(&[404])?;
        registry.patch(&path, 0, Bytes::from_static(b"x")).send().await?.error(404, codes)?;
        commit(&registry, &path, &Digest::sha256(b"")).await?.error(404, codes)?;
        registry.delete(&path).await?.error(404, codes)?;
    }
    Ok(())
}
