//! Blobs that another repository has already.

use super::{Check, Registry, Response, Stop, check::ensure, registry::Blob, scenarios, uploads};

scenarios! {
    "OCI: Mounting a blob from another repository" {
        a_blob_is_mounted_from_a_repository,
        a_blob_is_mounted_from_anywhere,
        what_is_nowhere_becomes_an_upload,
        what_the_source_does_not_have_becomes_an_upload,
        broken_mounts_are_uploads_or_400,
    }
}

async fn mount(registry: &Registry, to: &str, blob: &Blob, from: Option<&str>) -> Check<Response> {
    let post = registry.request("POST", &format!("/v2/{to}/blobs/uploads/"));
    let post = post.query("mount", blob.digest);
    match from {
        Some(from) => post.query("from", from.replace('/', "%2F")).send().await,
        None => post.send().await,
    }
}

/// Fails unless it says that the blob is mounted, and the blob is there.
async fn mounted(registry: &Registry, to: &str, response: Response, blob: &Blob) -> Check {
    let response = response.status(&[201, 202])?;
    if response.status == 202 {
        return Err(Stop::skip("answered with a session, as the specification allows"));
    }
    let location = response.needs("location")?.to_owned();
    let path = format!("/v2/{to}/blobs/{}", blob.digest);
    ensure(location.ends_with(&path), response.complaint(format!("has Location {location}")))?;
    response.with("docker-content-digest", &blob.digest.to_string())?;
    registry.get(&location).await?.content(&blob.digest, &blob.bytes)?;
    Ok(())
}

/// Fails unless it is a session that works.
async fn began(registry: &Registry, response: Response, blob: &Blob) -> Check {
    let response = response.status(&[202])?;
    let location = uploads::standing(registry, response.needs("location")?, 0).await?;
    let put = registry.request("PUT", &location).query("digest", blob.digest);
    put.body(blob.bytes.clone()).send().await?.status(&[201])?;
    Ok(())
}

async fn a_blob_is_mounted_from_a_repository(registry: Registry) -> Check {
    let (a, b) = (registry.repository("a"), registry.repository("b"));
    let blob = registry.blob("content", 1000);
    registry.push(&a, &blob).await?;
    let response = mount(&registry, &b, &blob, Some(&a)).await?;
    mounted(&registry, &b, response, &blob).await?;
    // Again, and onto itself.
    let response = mount(&registry, &b, &blob, Some(&a)).await?;
    mounted(&registry, &b, response, &blob).await?;
    let response = mount(&registry, &a, &blob, Some(&a)).await?;
    mounted(&registry, &a, response, &blob).await?;
    if registry.options().deletes {
        let path = format!("/v2/{b}/blobs/{}", blob.digest);
        registry.delete(&path).await?.status(&[202])?;
        let path = format!("/v2/{a}/blobs/{}", blob.digest);
        registry.get(&path).await?.content(&blob.digest, &blob.bytes)?;
    }
    Ok(())
}

async fn a_blob_is_mounted_from_anywhere(registry: Registry) -> Check {
    let (a, b) = (registry.repository("a"), registry.repository("b"));
    let blob = registry.blob("content", 1000);
    registry.push(&a, &blob).await?;
    let response = mount(&registry, &b, &blob, None).await?;
    mounted(&registry, &b, response, &blob).await
}

async fn what_is_nowhere_becomes_an_upload(registry: Registry) -> Check {
    let (a, b) = (registry.repository("a"), registry.repository("b"));
    registry.push(&a, &registry.blob("other", 10)).await?;
    for (word, from) in
        [("one", Some(&*a)), ("two", None), ("three", Some(&*registry.repository("c")))]
    {
        let blob = registry.blob(word, 1000);
        let response = mount(&registry, &b, &blob, from).await?;
        began(&registry, response, &blob).await?;
    }
    Ok(())
}

async fn what_the_source_does_not_have_becomes_an_upload(registry: Registry) -> Check {
    let [a, b, c] = ["a", "b", "c"].map(|word| registry.repository(word));
    let blob = registry.blob("content", 1000);
    registry.push(&a, &blob).await?;
    registry.push(&b, &registry.blob("other", 10)).await?;
    let response = mount(&registry, &c, &blob, Some(&b)).await?;
    began(&registry, response, &blob).await?;
    if registry.options().deletes {
        // A blob that is deleted in its source is not mounted from there.
        let blob = registry.blob("deleted", 1000);
        registry.push(&a, &blob).await?;
        registry.delete(&format!("/v2/{a}/blobs/{}", blob.digest)).await?.status(&[202])?;
        let response = mount(&registry, &c, &blob, Some(&a)).await?;
        began(&registry, response, &blob).await?;
    }
    Ok(())
}

async fn broken_mounts_are_uploads_or_400(registry: Registry) -> Check {
    let a = registry.repository("a");
    let good = registry.blob("content", 10).digest;
    let path = format!("/v2/{a}/blobs/uploads/");
    for query in [
        "mount=latest&from=b".to_owned(),
        "mount=sha256:abc&from=b".to_owned(),
        format!("mount={good}&from=Upper"),
        format!("mount={good}&from=..%2Fb"),
        format!("mount={good}&from="),
        "mount=&from=b".to_owned(),
    ] {
        let response = registry.request("POST", &format!("{path}?{query}")).send().await?;
        response.status(&[202, 400])?;
    }
    Ok(())
}
