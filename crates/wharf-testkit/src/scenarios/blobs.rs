//! Reading and deleting blobs.

use wharf_digest::{Algorithm, Digest};

use super::{
    Check, Registry,
    check::{ensure, same},
    scenarios,
};

scenarios! {
    "OCI: Pulling Blobs" {
        missing_blobs_are_404,
        blobs_are_read_and_described,
        an_empty_blob_is_a_blob,
        sha512_blobs_keep_their_digest,
        blobs_are_not_read_again_by_who_has_them,
        malformed_digests_are_400,
        a_blob_belongs_to_its_repository,
    }
    "OCI: Deleting Blobs" {
        a_deleted_blob_is_gone_at_once,
        a_deleted_blob_stays_in_other_repositories,
        deletes_that_are_off_are_405,
    }
}

async fn missing_blobs_are_404(registry: Registry) -> Check {
    let repository = registry.repository("a");
    registry.push(&repository, &registry.blob("other", 10)).await?;
    let digests = [
        registry.blob("absent", 10).digest,
        Digest::of(Algorithm::Sha512, b"absent"),
        Digest::of(Algorithm::Sha384, b"absent"),
    ];
    for repository in [repository, registry.repository("absent")] {
        for digest in digests {
            let path = format!("/v2/{repository}/blobs/{digest}");
            registry.get(&path).await?.error(404, &["BLOB_UNKNOWN", "NAME_UNKNOWN"])?;
            registry.head(&path).await?.status(&[404])?;
        }
    }
    Ok(())
}

async fn blobs_are_read_and_described(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for (word, len) in [("one", 1), ("page", 4096), ("pieces", 1 << 20 | 1), ("large", 5 << 20)] {
        let blob = registry.blob(word, len);
        registry.push(&repository, &blob).await?;
        let path = format!("/v2/{repository}/blobs/{}", blob.digest);
        registry.get(&path).await?.content(&blob.digest, &blob.bytes)?;
        registry.head(&path).await?.description(&blob.digest, len)?;
        // Some clients escape the colon.
        let escaped = path.replace(':', "%3A");
        registry.get(&escaped).await?.content(&blob.digest, &blob.bytes)?;
    }
    Ok(())
}

async fn an_empty_blob_is_a_blob(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("empty", 0);
    registry.push(&repository, &blob).await?;
    let path = format!("/v2/{repository}/blobs/{}", blob.digest);
    registry.get(&path).await?.content(&blob.digest, b"")?;
    registry.head(&path).await?.description(&blob.digest, 0)?;
    Ok(())
}

async fn sha512_blobs_keep_their_digest(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let bytes = registry.bytes("content", 5000);
    for algorithm in Algorithm::ALL {
        let digest = Digest::of(algorithm, &bytes);
        let location = registry.begin(&repository).await?;
        let commit = registry.request("PUT", &location).query("digest", digest);
        let response = commit.body(bytes.clone()).send().await?.status(&[201])?;
        let response = response.with("docker-content-digest", &digest.to_string())?;
        let location = response.needs("location")?;
        registry.get(location).await?.content(&digest, &bytes)?;
        let path = format!("/v2/{repository}/blobs/{digest}");
        registry.head(&path).await?.description(&digest, bytes.len())?;
    }
    Ok(())
}

async fn blobs_are_not_read_again_by_who_has_them(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 100);
    registry.push(&repository, &blob).await?;
    let path = format!("/v2/{repository}/blobs/{}", blob.digest);
    let response = registry.get(&path).await?;
    let etag = response.needs("etag")?.to_owned();
    same("the ETag", &*etag, &*format!("\"{}\"", blob.digest))?;
    let ask = |tags: &str| registry.request("GET", &path).header("if-none-match", tags).send();
    let response = ask(&etag).await?.status(&[304])?;
    ensure(response.body.is_empty(), "304 has a body")?;
    ask("\"other\"").await?.content(&blob.digest, &blob.bytes)?;
    ask(&format!("\"other\", W/{etag}")).await?.status(&[304])?;
    let absent = registry.blob("absent", 10).digest;
    let path = format!("/v2/{repository}/blobs/{absent}");
    let ask = registry.request("GET", &path).header("if-none-match", format!("\"{absent}\""));
    ask.send().await?.status(&[404])?;
    Ok(())
}

async fn malformed_digests_are_400(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let good = registry.blob("content", 10).digest.to_string();
    for digest in [
        "latest",
        "sha256:",
        "sha256:abc",
        &good[..good.len() - 1],
        &format!("{good}0"),
        &good.to_uppercase().replace("SHA", "sha"),
        &good.replace("sha256", "md5"),
        "sha256:%2e%2e",
        "..%2f..%2fdata",
    ] {
        let path = format!("/v2/{repository}/blobs/{digest}");
        registry.get(&path).await?.error(400, &["DIGEST_INVALID", "UNSUPPORTED"])?;
        registry.head(&path).await?.status(&[400])?;
    }
    Ok(())
}

async fn a_blob_belongs_to_its_repository(registry: Registry) -> Check {
    let blob = registry.blob("content", 100);
    registry.push(&registry.repository("a"), &blob).await?;
    let path = format!("/v2/{}/blobs/{}", registry.repository("b"), blob.digest);
    registry.get(&path).await?.status(&[404])?;
    registry.head(&path).await?.status(&[404])?;
    Ok(())
}

async fn a_deleted_blob_is_gone_at_once(registry: Registry) -> Check {
    registry.needs_deletes()?;
    let repository = registry.repository("a");
    let blob = registry.blob("content", 100);
    let path = format!("/v2/{repository}/blobs/{}", blob.digest);
    for _ in 0..2 {
        registry.push(&repository, &blob).await?;
        registry.get(&path).await?.content(&blob.digest, &blob.bytes)?;
        registry.delete(&path).await?.status(&[202])?;
        registry.head(&path).await?.status(&[404])?;
        registry.get(&path).await?.error(404, &["BLOB_UNKNOWN"])?;
        registry.delete(&path).await?.error(404, &["BLOB_UNKNOWN"])?;
    }
    Ok(())
}

async fn a_deleted_blob_stays_in_other_repositories(registry: Registry) -> Check {
    registry.needs_deletes()?;
    let blob = registry.blob("content", 100);
    let (a, b) = (registry.repository("a"), registry.repository("b"));
    registry.push(&a, &blob).await?;
    registry.push(&b, &blob).await?;
    registry.delete(&format!("/v2/{a}/blobs/{}", blob.digest)).await?.status(&[202])?;
    let path = format!("/v2/{b}/blobs/{}", blob.digest);
    registry.get(&path).await?.content(&blob.digest, &blob.bytes)?;
    Ok(())
}

async fn deletes_that_are_off_are_405(registry: Registry) -> Check {
    if registry.options().deletes {
        return Err(super::Stop::skip("deletes are on"));
    }
    let repository = registry.repository("a");
    let manifest = registry.tagged_image(&repository, "latest").await?;
    let blob = registry.blob("content", 10);
    registry.push(&repository, &blob).await?;
    for path in [
        format!("/v2/{repository}/blobs/{}", blob.digest),
        format!("/v2/{repository}/manifests/latest"),
        format!("/v2/{repository}/manifests/{}", manifest.digest),
    ] {
        registry.delete(&path).await?.error(405, &["UNSUPPORTED"])?;
        registry.head(&path).await?.status(&[200])?;
    }
    Ok(())
}
