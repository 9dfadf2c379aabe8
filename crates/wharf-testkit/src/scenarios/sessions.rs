//! Uploads that are interrupted, forged, or wanted by two.

use bytes::Bytes;
use wharf_digest::Digest;

use super::{
    Check, Registry, Response, Stop,
    check::{ensure, same},
    registry::Blob,
    scenarios,
    uploads::standing,
};

scenarios! {
    "OCI: Resuming an Upload" {
        a_cut_chunk_is_resumed_where_the_registry_says,
        a_cut_stream_is_resumed_where_the_registry_says,
        a_cut_closing_put_publishes_nothing,
        a_cut_single_post_publishes_nothing,
        a_failed_commit_leaves_the_session,
    }
    "Wharf: Bad Input" {
        a_forged_upload_state_is_refused,
        an_upload_belongs_to_its_repository,
        two_clients_on_one_upload_never_mix,
        two_streams_on_one_upload_never_mix,
        two_commits_of_one_upload_agree,
    }
}

/// How large a cut body is: several times what a server buffers.
const SIZE: usize = 3 << 19;

/// Goes on from where the registry says, until the blob is there.
async fn resume(registry: &Registry, repository: &str, location: &str, blob: &Blob) -> Check {
    let mut response = registry.get(location).await?.status(&[204])?;
    // The connection that was cut may hold the session for another moment.
    for _ in 0..200 {
        let size = size(&response)?;
        let location = response.needs("location")?.to_owned();
        ensure(size <= blob.bytes.len(), response.complaint("says more than was sent"))?;
        let rest = registry.patch(&location, size, blob.bytes.slice(size..)).send().await?;
        match rest.status {
            202 => {
                let location = rest.needs("location")?;
                let put = registry.request("PUT", location).query("digest", blob.digest);
                put.send().await?.status(&[201])?;
                let path = format!("/v2/{repository}/blobs/{}", blob.digest);
                registry.get(&path).await?.content(&blob.digest, &blob.bytes)?;
                return Ok(());
            }
            416 => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            _ => return Err(rest.status(&[202, 416]).map_or_else(|stop| stop, |_| "".into())),
        }
        response = registry.get(&location).await?.status(&[204])?;
    }
    Err("the upload cannot be resumed".into())
}

/// How many bytes an upload has. One byte is never uploaded here.
fn size(response: &Response) -> Check<usize> {
    let range = response.needs("range")?;
    let last: Option<usize> = range.strip_prefix("0-").and_then(|last| last.parse().ok());
    let last = last.ok_or_else(|| response.complaint(format!("has the Range {range}")))?;
    Ok(if last == 0 { 0 } else { last + 1 })
}

async fn a_cut_chunk_is_resumed_where_the_registry_says(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", SIZE);
    let location = registry.begin(&repository).await?;
    // Nothing of this chunk is lost, it was acknowledged.
    let first =
        registry.patch(&location, 0, blob.bytes.slice(..1000)).send().await?.status(&[202])?;
    let location = first.needs("location")?;
    let rest = (SIZE - 1000) as u64;
    let cut = registry.request("PATCH", location);
    let cut = cut.header("content-range", format!("1000-{}", SIZE - 1));
    cut.cut(rest, blob.bytes.slice(1000..SIZE / 3 * 2)).send_broken().await?;
    let response = registry.get(location).await?.status(&[204])?;
    ensure(size(&response)? >= 1000, response.complaint("says less than was acknowledged"))?;
    resume(&registry, &repository, location, &blob).await
}

async fn a_cut_stream_is_resumed_where_the_registry_says(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for len in [2, 1000, SIZE / 3 * 2] {
        let blob = registry.blob(&len.to_string(), SIZE);
        let location = registry.begin(&repository).await?;
        let cut = registry.request("PATCH", &location).cut_chunked(blob.bytes.slice(..len));
        cut.send_broken().await?;
        resume(&registry, &repository, &location, &blob).await?;
    }
    Ok(())
}

async fn a_cut_closing_put_publishes_nothing(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", SIZE);
    let part = blob.bytes.slice(..SIZE / 2);
    let location = registry.begin(&repository).await?;
    // Even if the bytes that came are a whole blob by chance: they were announced as more.
    for digest in [blob.digest, Digest::sha256(&part)] {
        let put = registry.request("PUT", &location).query("digest", digest);
        put.cut(SIZE as u64, part.clone()).send_broken().await?;
        registry.head(&format!("/v2/{repository}/blobs/{digest}")).await?.status(&[404])?;
    }
    resume(&registry, &repository, &location, &blob).await
}

async fn a_cut_single_post_publishes_nothing(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", SIZE);
    let post = registry.request("POST", &format!("/v2/{repository}/blobs/uploads/"));
    let post = post.query("digest", blob.digest);
    post.cut(SIZE as u64 + 1, blob.bytes.clone()).send_broken().await?;
    registry.head(&format!("/v2/{repository}/blobs/{}", blob.digest)).await?.status(&[404])?;
    Ok(())
}

async fn a_failed_commit_leaves_the_session(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 2000);
    let location = registry.begin(&repository).await?;
    let patch = registry.patch(&location, 0, blob.bytes.slice(..1000)).send().await?;
    let location = patch.status(&[202])?.needs("location")?.to_owned();
    // Wrong bytes at the end: the session stands where it stood before them.
    let put = registry.request("PUT", &location).query("digest", blob.digest);
    let wrong = put.header("content-range", "1000-1999").body(registry.bytes("wrong", 1000));
    wrong.send().await?.error(400, &["DIGEST_INVALID"])?;
    standing(&registry, &location, 1000).await?;
    resume(&registry, &repository, &location, &blob).await
}

async fn a_forged_upload_state_is_refused(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let (location, other) =
        (registry.begin(&repository).await?, registry.begin(&repository).await?);
    let (Some((path, query)), Some((_, other))) = (location.split_once('?'), other.split_once('?'))
    else {
        return Err(Stop::skip("the upload URL has no state"));
    };
    let middle = query.len() / 2;
    let flipped = if query.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let forged = format!("{}{flipped}{}", &query[..middle], &query[middle + 1..]);
    let codes = &["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"];
    for query in ["", "_state=", "_state=AAAA", &forged, other] {
        let url = format!("{path}?{query}");
        registry.patch(&url, 0, Bytes::from_static(b"0123")).send().await?.error(404, codes)?;
        let digest = Digest::sha256(b"");
        let put = registry.request("PUT", &url).query("digest", digest).send().await?;
        put.error(404, codes)?;
        registry.delete(&url).await?.error(404, codes)?;
        // To ask needs no state, and gives a fresh one.
        standing(&registry, path, 0).await?;
    }
    let response = registry.patch(&location, 0, Bytes::from_static(b"0123")).send().await?;
    response.status(&[202])?;
    Ok(())
}

async fn an_upload_belongs_to_its_repository(registry: Registry) -> Check {
    let (a, b) = (registry.repository("a"), registry.repository("b"));
    let location = registry.begin(&a).await?;
    let elsewhere = location.replace(&a, &b);
    let codes = &["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"];
    registry.get(&elsewhere).await?.error(404, codes)?;
    registry.patch(&elsewhere, 0, Bytes::from_static(b"0123")).send().await?.error(404, codes)?;
    registry.delete(&elsewhere).await?.error(404, codes)?;
    standing(&registry, &location, 0).await?;
    Ok(())
}

async fn two_clients_on_one_upload_never_mix(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for round in 0..3 {
        let blobs = ["left", "right"].map(|word| registry.blob(&format!("{word} {round}"), SIZE));
        let location = registry.begin(&repository).await?;
        let [left, right] =
            blobs.each_ref().map(|blob| registry.patch(&location, 0, blob.bytes.clone()).send());
        let (left, right) = tokio::join!(left, right);
        let (left, right) = (left?.status(&[202, 416])?, right?.status(&[202, 416])?);
        let winners = [&left, &right].map(|response| response.status == 202);
        same("the number of winners", winners.iter().filter(|won| **won).count(), 1)?;
        let blob = &blobs[if winners[0] { 0 } else { 1 }];
        finish(&registry, &repository, &location, &[&blob.bytes]).await?;
    }
    Ok(())
}

async fn two_streams_on_one_upload_never_mix(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for round in 0..3 {
        let parts = ["left", "right"].map(|word| registry.bytes(&format!("{word} {round}"), SIZE));
        let location = registry.begin(&repository).await?;
        let [left, right] = parts.each_ref().map(|bytes| {
            let pieces = bytes.chunks(100_000).map(Bytes::copy_from_slice).collect::<Vec<_>>();
            registry.request("PATCH", &location).chunked(pieces).send()
        });
        let (left, right) = tokio::join!(left, right);
        let (left, right) = (left?.status(&[202, 416])?, right?.status(&[202, 416])?);
        let [first, second] = &parts;
        match (left.status, right.status) {
            (202, 202) => {
                // One after the other is right, too.
                let either = finish(&registry, &repository, &location, &[first, second]).await;
                if either.is_err() {
                    finish(&registry, &repository, &location, &[second, first]).await?;
                }
            }
            (202, _) => finish(&registry, &repository, &location, &[first]).await?,
            (_, 202) => finish(&registry, &repository, &location, &[second]).await?,
            _ => return Err("nobody won".into()),
        }
    }
    Ok(())
}

/// Fails unless the upload has exactly these bytes.
async fn finish(registry: &Registry, repository: &str, location: &str, parts: &[&Bytes]) -> Check {
    let bytes: Vec<_> = parts.iter().map(|part| &part[..]).collect();
    let blob = Blob::new(bytes.concat().into());
    let location = standing(registry, location, blob.bytes.len()).await?;
    let put = registry.request("PUT", &location).query("digest", blob.digest);
    put.send().await?.status(&[201])?;
    let path = format!("/v2/{repository}/blobs/{}", blob.digest);
    registry.get(&path).await?.content(&blob.digest, &blob.bytes)?;
    Ok(())
}

async fn two_commits_of_one_upload_agree(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", SIZE);
    let location = registry.begin(&repository).await?;
    let patch = registry.patch(&location, 0, blob.bytes.clone()).send().await?.status(&[202])?;
    let put = registry.request("PUT", patch.needs("location")?).query("digest", blob.digest);
    let (one, two) = tokio::join!(put.clone().send(), put.send());
    let (one, two) = (one?.status(&[201, 404, 416])?, two?.status(&[201, 404, 416])?);
    ensure(one.status == 201 || two.status == 201, "nobody won")?;
    let path = format!("/v2/{repository}/blobs/{}", blob.digest);
    registry.get(&path).await?.content(&blob.digest, &blob.bytes)?;
    Ok(())
}
