//! Reading, tagging and deleting manifests.

use wharf_digest::{Algorithm, Digest};

use super::{
    Check, Registry,
    check::{ensure, same},
    registry::{IMAGE, INDEX, Manifest},
    scenarios,
};

scenarios! {
    "OCI: Pulling Manifests" {
        missing_manifests_are_404,
        manifests_are_read_by_tag_and_digest,
        manifests_are_served_whatever_is_accepted,
        manifests_are_not_read_again_by_who_has_them,
        manifests_may_have_a_sha512_digest,
    }
    "OCI: Pushing Manifests with Tags" {
        a_tag_moves,
        tags_are_set_by_parameter,
        a_bad_tag_parameter_changes_nothing,
    }
    "OCI: Deleting Manifests and Tags" {
        a_deleted_tag_is_gone_at_once,
        a_deleted_manifest_takes_its_tags_along,
        deletes_of_what_is_not_there_are_404,
    }
}

async fn missing_manifests_are_404(registry: Registry) -> Check {
    let repository = registry.repository("a");
    registry.tagged_image(&repository, "latest").await?;
    let absent = registry.blob("absent", 10).digest;
    for repository in [repository, registry.repository("absent")] {
        for reference in [
            absent.to_string(),
            "absent".into(),
            Digest::of(Algorithm::Sha512, b"absent").to_string(),
        ] {
            let path = format!("/v2/{repository}/manifests/{reference}");
            registry.get(&path).await?.error(404, &["MANIFEST_UNKNOWN", "NAME_UNKNOWN"])?;
            registry.head(&path).await?.status(&[404])?;
        }
    }
    Ok(())
}

async fn manifests_are_read_by_tag_and_digest(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.image(&repository, "image").await?;
    registry.put(&repository, image.digest, &image).await?.status(&[201])?;
    let index = Manifest::index(&[image.descriptor()], serde_json::json!({}));
    for (tag, manifest) in [("image", image), ("index", index)] {
        let (digest, bytes) = (manifest.digest, &manifest.bytes);
        let response = registry.put(&repository, tag, &manifest).await?.status(&[201])?;
        let response = response.with("docker-content-digest", &digest.to_string())?;
        let location = response.needs("location")?.to_owned();
        ensure(location.ends_with(&format!("/manifests/{digest}")), response.complaint(&location))?;
        registry.get(&location).await?.content(&digest, bytes)?;
        for reference in
            [tag.to_owned(), digest.to_string(), digest.to_string().replace(':', "%3A")]
        {
            let path = format!("/v2/{repository}/manifests/{reference}");
            let response = registry.get(&path).await?.content(&digest, bytes)?;
            let response = response.with("content-type", &manifest.media_type)?;
            response.with("etag", &format!("\"{digest}\""))?;
            let response = registry.head(&path).await?.description(&digest, bytes.len())?;
            response.with("content-type", &manifest.media_type)?;
        }
    }
    Ok(())
}

async fn manifests_are_served_whatever_is_accepted(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let manifest = registry.tagged_image(&repository, "latest").await?;
    let path = format!("/v2/{repository}/manifests/latest");
    let both = format!("{INDEX}, {IMAGE}");
    let weighed = format!("{INDEX};q=0.5, {IMAGE};q=0.9, */*;q=0.1");
    for lines in [
        &[][..],
        &["*/*"],
        &["application/*"],
        &[IMAGE],
        &[INDEX, IMAGE],
        &[&both],
        &[&weighed],
        &["text/html, */*;q=0.8"],
        &["application/json, */*"],
    ] {
        for method in ["GET", "HEAD"] {
            let mut request = registry.request(method, &path);
            for line in lines {
                request = request.header("accept", *line);
            }
            let response = request.header("accept-encoding", "gzip").send().await?;
            let response = match method {
                "GET" => response.content(&manifest.digest, &manifest.bytes)?,
                _ => response.description(&manifest.digest, manifest.bytes.len())?,
            };
            response.with("content-type", IMAGE)?;
        }
    }
    // Another type only: whatever the answer is, it is never something converted.
    let request = registry.request("GET", &path).header("accept", "application/vnd.example.only");
    let response = request.send().await?.status(&[200, 404, 406])?;
    if response.status == 200 {
        response.content(&manifest.digest, &manifest.bytes)?;
    }
    Ok(())
}

async fn manifests_are_not_read_again_by_who_has_them(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let manifest = registry.tagged_image(&repository, "latest").await?;
    let absent = registry.blob("absent", 10).digest;
    for reference in ["latest".to_owned(), manifest.digest.to_string()] {
        let path = format!("/v2/{repository}/manifests/{reference}");
        for method in ["GET", "HEAD"] {
            let ask =
                |tags: String| registry.request(method, &path).header("if-none-match", tags).send();
            let response = ask(format!("\"{}\"", manifest.digest)).await?.status(&[304])?;
            ensure(response.body.is_empty(), "304 has a body")?;
            ask(format!("\"{absent}\"")).await?.status(&[200])?;
            ask(format!("\"{absent}\", \"{}\"", manifest.digest)).await?.status(&[304])?;
        }
    }
    // What is not there is not unchanged.
    let path = format!("/v2/{repository}/manifests/{absent}");
    let request = registry.request("GET", &path).header("if-none-match", format!("\"{absent}\""));
    request.send().await?.status(&[404])?;
    Ok(())
}

async fn manifests_may_have_a_sha512_digest(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let manifest = registry.image(&repository, "image").await?;
    for algorithm in [Algorithm::Sha512, Algorithm::Sha384] {
        let digest = Digest::of(algorithm, &manifest.bytes);
        let response = registry.put(&repository, digest, &manifest).await?.status(&[201])?;
        response.with("docker-content-digest", &digest.to_string())?;
        let path = format!("/v2/{repository}/manifests/{digest}");
        registry.get(&path).await?.content(&digest, &manifest.bytes)?;
        registry.head(&path).await?.description(&digest, manifest.bytes.len())?;
    }
    let wrong = Digest::of(Algorithm::Sha512, b"something else");
    registry.put(&repository, wrong, &manifest).await?.error(400, &["DIGEST_INVALID"])?;
    Ok(())
}

async fn a_tag_moves(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let path = format!("/v2/{repository}/manifests/latest");
    for word in ["one", "two", "three"] {
        let manifest = registry.image(&repository, word).await?;
        for _ in 0..2 {
            registry.put(&repository, "latest", &manifest).await?.status(&[201])?;
            registry.get(&path).await?.content(&manifest.digest, &manifest.bytes)?;
        }
    }
    Ok(())
}

async fn tags_are_set_by_parameter(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.image(&repository, "image").await?;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, &image.bytes);
        let tags: Vec<_> = (10..25).map(|at| format!("{}-{at}", algorithm.name())).collect();
        let mut request = registry.put_request(&repository, digest, &image);
        for tag in &tags {
            request = request.query("tag", tag);
        }
        let response = request.send().await?.status(&[201])?;
        let told = response.all("oci-tag").flat_map(|line| line.split(',')).map(str::trim);
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        same("OCI-Tag", told, tags.iter().map(String::as_str).collect::<Vec<_>>())?;
        for tag in &tags {
            let path = format!("/v2/{repository}/manifests/{tag}");
            registry.get(&path).await?.content(&digest, &image.bytes)?;
            registry.head(&path).await?.description(&digest, image.bytes.len())?;
        }
        let list = registry.get(&format!("/v2/{repository}/tags/list")).await?.strings("tags")?;
        ensure(tags.iter().all(|tag| list.contains(tag)), "the list lacks a tag")?;
    }
    Ok(())
}

async fn a_bad_tag_parameter_changes_nothing(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.image(&repository, "image").await?;
    for bad in [".bad", "a%2Fb", "a:b", ""] {
        let request = registry.put_request(&repository, image.digest, &image);
        let request = request.query("tag", "good").query("tag", bad);
        request.send().await?.error(400, &["TAG_INVALID", "MANIFEST_INVALID"])?;
    }
    let path = format!("/v2/{repository}/manifests");
    registry.head(&format!("{path}/good")).await?.status(&[404])?;
    registry.head(&format!("{path}/{}", image.digest)).await?.status(&[404])?;
    Ok(())
}

async fn a_deleted_tag_is_gone_at_once(registry: Registry) -> Check {
    registry.needs_deletes()?;
    let repository = registry.repository("a");
    let manifest = registry.tagged_image(&repository, "one").await?;
    registry.put(&repository, "two", &manifest).await?.status(&[201])?;
    let path = format!("/v2/{repository}/manifests");
    registry.delete(&format!("{path}/one")).await?.status(&[202])?;
    registry.head(&format!("{path}/one")).await?.status(&[404])?;
    registry.get(&format!("{path}/one")).await?.error(404, &["MANIFEST_UNKNOWN"])?;
    let list = registry.get(&format!("/v2/{repository}/tags/list")).await?.strings("tags")?;
    same("the tags", list, ["two"])?;
    for reference in ["two".to_owned(), manifest.digest.to_string()] {
        let response = registry.get(&format!("{path}/{reference}")).await?;
        response.content(&manifest.digest, &manifest.bytes)?;
    }
    registry.put(&repository, "one", &manifest).await?.status(&[201])?;
    registry.head(&format!("{path}/one")).await?.status(&[200])?;
    Ok(())
}

async fn a_deleted_manifest_takes_its_tags_along(registry: Registry) -> Check {
    registry.needs_deletes()?;
    let repository = registry.repository("a");
    let manifest = registry.tagged_image(&repository, "one").await?;
    registry.put(&repository, "two", &manifest).await?.status(&[201])?;
    let kept = registry.tagged_image(&repository, "kept").await?;
    let path = format!("/v2/{repository}/manifests");
    registry.delete(&format!("{path}/{}", manifest.digest)).await?.status(&[202])?;
    for reference in ["one", "two", &manifest.digest.to_string()] {
        registry.head(&format!("{path}/{reference}")).await?.status(&[404])?;
        registry.get(&format!("{path}/{reference}")).await?.error(404, &["MANIFEST_UNKNOWN"])?;
    }
    let list = registry.get(&format!("/v2/{repository}/tags/list")).await?.strings("tags")?;
    same("the tags", list, ["kept"])?;
    registry.get(&format!("{path}/kept")).await?.content(&kept.digest, &kept.bytes)?;
    // It can be pushed again; its blobs are still there.
    registry.put(&repository, "one", &manifest).await?.status(&[201])?;
    registry.get(&format!("{path}/one")).await?.content(&manifest.digest, &manifest.bytes)?;
    Ok(())
}

async fn deletes_of_what_is_not_there_are_404(registry: Registry) -> Check {
    registry.needs_deletes()?;
    let repository = registry.repository("a");
    registry.tagged_image(&repository, "latest").await?;
    let absent = registry.blob("absent", 10).digest;
    for repository in [repository, registry.repository("absent")] {
        let below = format!("/v2/{repository}");
        let codes = &["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN"];
        registry.delete(&format!("{below}/manifests/absent")).await?.error(404, codes)?;
        registry.delete(&format!("{below}/manifests/{absent}")).await?.error(404, codes)?;
        registry.delete(&format!("{below}/blobs/{absent}")).await?.error(404, codes)?;
        let malformed = registry.delete(&format!("{below}/manifests/sha256:abc")).await?;
        malformed.status(&[400, 404])?;
    }
    Ok(())
}
