//! What is a manifest, and what is none.

use serde_json::{Value, json};
use wharf_digest::{Algorithm, Digest};

use super::{
    Check, Registry, Response, Stop,
    check::ensure,
    registry::{Blob, CONFIG, DOCKER, IMAGE, INDEX, LAYER, LIST, Manifest},
    scenarios,
};

scenarios! {
    "OCI: Pushing Manifests" {
        unusual_images_are_stored_byte_for_byte,
        unusual_indexes_are_stored_byte_for_byte,
        docker_manifests_are_stored_byte_for_byte,
        layers_with_urls_need_not_be_there,
        sha512_descriptors_are_checked_and_stored,
        an_index_may_list_layers,
        a_manifest_of_nearly_four_megabytes_is_stored,
        wrong_digests_are_400,
        missing_content_is_named,
        missing_content_is_stored_if_sparse,
        content_of_another_repository_is_missing,
    }
    "Wharf: Bad Input" {
        ambiguous_manifests_are_refused,
        what_is_no_manifest_is_refused,
        oversized_manifests_are_413,
        wrong_sizes_are_refused,
        a_cut_manifest_is_not_stored,
    }
}

/// Pushes it, and fails unless it comes back as it was.
async fn stored(registry: &Registry, repository: &str, manifest: &Manifest) -> Check<Response> {
    let response = registry.put(repository, manifest.digest, manifest).await?.status(&[201])?;
    let path = format!("/v2/{repository}/manifests/{}", manifest.digest);
    let back = registry.get(&path).await?.content(&manifest.digest, &manifest.bytes)?;
    back.with("content-type", &manifest.media_type)?;
    Ok(response)
}

/// Pushes it to a digest and to a tag, and fails unless both are refused and nothing is there.
async fn refused(
    registry: &Registry,
    repository: &str,
    manifest: &Manifest,
    codes: &[&str],
) -> Check {
    for reference in [manifest.digest.to_string(), "refused".into()] {
        registry.put(repository, &reference, manifest).await?.error(400, codes)?;
        let path = format!("/v2/{repository}/manifests/{reference}");
        registry.head(&path).await?.status(&[404])?;
    }
    Ok(())
}

async fn unusual_images_are_stored_byte_for_byte(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let empty = registry.push_as(&repository, "application/vnd.oci.empty.v1+json", "{}").await?;
    let mut with_data = empty.clone();
    with_data["data"] = "e30=".into();
    for keys in [
        json!({ "layers": [] }),
        json!({ "artifactType": "application/vnd.example.sbom", "config": empty, "layers": [empty] }),
        json!({ "artifactType": "application/vnd.example.a+json", "config": with_data, "layers": [with_data] }),
        json!({ "annotations": { "org.opencontainers.image.title": "ü \u{1F6A2}", "": "" } }),
        json!({ "org.example.custom": { "Layers": [1, 2.5e300, null] }, "zzz": "€" }),
    ] {
        let manifest = registry.image_with(&repository, "image", keys).await?;
        stored(&registry, &repository, &manifest).await?;
    }
    // White space and the order of keys are part of the content.
    let image = registry.image(&repository, "image").await?;
    let spaced = String::from_utf8_lossy(&image.bytes).replace(",\"", " ,\n\t\"") + "\r\n ";
    stored(&registry, &repository, &Manifest::raw(IMAGE, spaced)).await?;
    // mediaType is a SHOULD only.
    let mut untyped: Value = serde_json::from_slice(&image.bytes).map_err(|e| e.to_string())?;
    untyped.as_object_mut().map(|object| object.remove("mediaType"));
    stored(&registry, &repository, &Manifest::raw(IMAGE, untyped.to_string())).await?;
    Ok(())
}

async fn unusual_indexes_are_stored_byte_for_byte(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.image(&repository, "image").await?;
    stored(&registry, &repository, &image).await?;
    let mut child = image.descriptor();
    child["platform"] =
        json!({ "architecture": "arm64", "os": "linux", "variant": "v8", "os.features": ["x"] });
    let empty = Manifest::index(&[], json!({}));
    let index =
        Manifest::index(&[child, image.descriptor()], json!({ "annotations": { "a": "b" } }));
    stored(&registry, &repository, &empty).await?;
    stored(&registry, &repository, &index).await?;
    let nested = Manifest::index(
        &[empty.descriptor(), index.descriptor(), image.descriptor()],
        json!({ "artifactType": "application/vnd.example.index", "custom": [] }),
    );
    stored(&registry, &repository, &nested).await?;
    Ok(())
}

async fn docker_manifests_are_stored_byte_for_byte(registry: Registry) -> Check {
    const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let repository = registry.repository("a");
    let config =
        registry.push_as(&repository, DOCKER_CONFIG, registry.bytes("config", 100)).await?;
    let layer = registry.push_as(&repository, DOCKER_LAYER, registry.bytes("layer", 100)).await?;
    let image = Manifest::new(&json!({
        "schemaVersion": 2, "mediaType": DOCKER, "config": config, "layers": [layer],
    }));
    stored(&registry, &repository, &image).await?;
    let mut child = image.descriptor();
    child["platform"] = json!({ "architecture": "amd64", "os": "linux" });
    let list =
        Manifest::new(&json!({ "schemaVersion": 2, "mediaType": LIST, "manifests": [child] }));
    stored(&registry, &repository, &list).await?;
    // Neither is ever converted to its child, or to OCI.
    for accept in [None, Some(LIST), Some(DOCKER), Some(IMAGE)] {
        let mut request =
            registry.request("GET", &format!("/v2/{repository}/manifests/{}", list.digest));
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let response = request.send().await?.status(&[200, 404, 406])?;
        if response.status == 200 {
            response.content(&list.digest, &list.bytes)?.with("content-type", LIST)?;
        }
    }
    Ok(())
}

async fn layers_with_urls_need_not_be_there(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for media_type in [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
    ] {
        let mut layer = registry.blob(media_type, 100).descriptor(media_type);
        layer["urls"] = json!(["https://example.com/layer"]);
        let manifest =
            registry.image_with(&repository, "image", json!({ "layers": [layer] })).await?;
        stored(&registry, &repository, &manifest).await?;
    }
    Ok(())
}

async fn sha512_descriptors_are_checked_and_stored(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let mut descriptors = Vec::new();
    for (word, media_type) in [("config", CONFIG), ("layer", LAYER)] {
        let bytes = registry.bytes(word, 500);
        let blob = Blob { digest: Digest::of(Algorithm::Sha512, &bytes), bytes };
        registry.push(&repository, &blob).await?;
        descriptors.push(blob.descriptor(media_type));
    }
    let image = json!({
        "schemaVersion": 2, "mediaType": IMAGE, "config": descriptors[0], "layers": [descriptors[1]],
    });
    let mut image = Manifest::new(&image);
    image.digest = Digest::of(Algorithm::Sha512, &image.bytes);
    stored(&registry, &repository, &image).await?;
    let mut index = Manifest::index(&[image.descriptor()], json!({}));
    index.digest = Digest::of(Algorithm::Sha512, &index.bytes);
    stored(&registry, &repository, &index).await?;
    Ok(())
}

async fn an_index_may_list_layers(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let layer = registry.push_as(&repository, LAYER, registry.bytes("layer", 1000)).await?;
    let cache = "application/vnd.buildkit.cacheconfig.v0";
    let config = registry.push_as(&repository, cache, registry.bytes("config", 100)).await?;
    stored(&registry, &repository, &Manifest::index(&[layer, config], json!({}))).await?;
    Ok(())
}

async fn a_manifest_of_nearly_four_megabytes_is_stored(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let annotations: serde_json::Map<_, _> =
        (0..390).map(|at| (format!("org.example.{at}"), "x".repeat(10_000).into())).collect();
    let keys = json!({ "annotations": annotations });
    let manifest = registry.image_with(&repository, "image", keys).await?;
    stored(&registry, &repository, &manifest).await?;
    // As the official suite pushes it: without a length.
    let put =
        registry.put_request(&repository, "large", &manifest).chunked([manifest.bytes.clone()]);
    put.send().await?.status(&[201])?;
    Ok(())
}

async fn wrong_digests_are_400(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.image(&repository, "image").await?;
    let other = Manifest::raw(IMAGE, [&image.bytes[..], b"  "].concat());
    let response = registry.put(&repository, image.digest, &other).await?;
    response.error(400, &["DIGEST_INVALID", "MANIFEST_INVALID"])?;
    for digest in ["sha256:baddigeststring", "sha256:", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
        let response = registry.put(&repository, digest, &image).await?;
        response.error(400, &["DIGEST_INVALID", "UNSUPPORTED"])?;
        let path = format!("/v2/{repository}/manifests/{digest}");
        registry.get(&path).await?.status(&[400, 404])?;
    }
    registry.head(&format!("/v2/{repository}/manifests/{}", image.digest)).await?.status(&[404])?;
    registry.head(&format!("/v2/{repository}/manifests/{}", other.digest)).await?.status(&[404])?;
    Ok(())
}

/// An image and an index that refer to what is not there, with every digest that is missing.
async fn incomplete(registry: &Registry, repository: &str) -> Check<[(Manifest, Vec<Digest>); 3]> {
    let [one, two, config] =
        ["one", "two", "config"].map(|word| registry.blob(&format!("missing {word}"), 50));
    let layers = json!([one.descriptor(LAYER), two.descriptor(LAYER)]);
    let image = registry.image_with(repository, "image", json!({ "layers": layers })).await?;
    let keys = json!({ "config": config.descriptor(CONFIG) });
    let headless = registry.image_with(repository, "image", keys).await?;
    let children = [one.descriptor(IMAGE), two.descriptor(INDEX)];
    let index = Manifest::index(&children, json!({}));
    let both = vec![one.digest, two.digest];
    Ok([(image, both.clone()), (headless, vec![config.digest]), (index, both)])
}

async fn missing_content_is_named(registry: Registry) -> Check {
    if registry.options().sparse {
        return Err(Stop::skip("incomplete manifests are stored"));
    }
    let repository = registry.repository("a");
    for (manifest, missing) in incomplete(&registry, &repository).await? {
        refused(&registry, &repository, &manifest, &["MANIFEST_BLOB_UNKNOWN"]).await?;
        let response = registry.put(&repository, "latest", &manifest).await?.status(&[400])?;
        let body = response.json()?.to_string();
        for digest in missing {
            ensure(
                body.contains(&digest.to_string()),
                response.complaint(format!("lacks {digest}")),
            )?;
        }
    }
    Ok(())
}

async fn missing_content_is_stored_if_sparse(registry: Registry) -> Check {
    if !registry.options().sparse {
        return Err(Stop::skip("incomplete manifests are refused"));
    }
    let repository = registry.repository("a");
    let [(image, _), _, (index, _)] = incomplete(&registry, &repository).await?;
    for manifest in [image, index] {
        stored(&registry, &repository, &manifest).await?;
    }
    Ok(())
}

async fn content_of_another_repository_is_missing(registry: Registry) -> Check {
    if registry.options().sparse {
        return Err(Stop::skip("incomplete manifests are stored"));
    }
    let image = registry.image(&registry.repository("a"), "image").await?;
    refused(&registry, &registry.repository("b"), &image, &["MANIFEST_BLOB_UNKNOWN"]).await
}

const INVALID: &[&str] = &["MANIFEST_INVALID"];

async fn ambiguous_manifests_are_refused(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.image(&repository, "image").await?;
    registry.put(&repository, image.digest, &image).await?.status(&[201])?;
    let text = String::from_utf8_lossy(&image.bytes).into_owned();
    // The image itself is there already; this one is not.
    let spaced = format!("{text} ");
    let with = |keys: &str| Manifest::raw(IMAGE, text.replacen('{', &format!("{{{keys},"), 1));
    let child = image.descriptor();
    let index = Manifest::index(std::slice::from_ref(&child), json!({}));
    let index_text = String::from_utf8_lossy(&index.bytes).into_owned();
    for manifest in [
        // Both an image and an index.
        with(&format!(r#""manifests":[{child}]"#)),
        with(r#""manifests":[]"#),
        Manifest::raw(INDEX, index_text.replacen('{', r#"{"layers":[],"#, 1)),
        Manifest::raw(INDEX, index_text.replacen('{', &format!(r#"{{"config":{child},"#), 1)),
        // Keys twice, or nearly twice: readers disagree about which one counts.
        with(r#""layers":[]"#),
        with(&format!(r#""mediaType":"{IMAGE}""#)),
        with(&format!(r#""MediaType":"{INDEX}""#)),
        with(r#""Layers":[]"#),
        with(&format!(r#""Manifests":[{child}]"#)),
        // Not what its Content-Type says.
        Manifest::raw(INDEX, spaced.clone()),
        Manifest::raw(IMAGE, index_text.clone()),
        Manifest::raw(IMAGE, text.replace(IMAGE, INDEX)),
        Manifest::raw("application/json", spaced.clone()),
        Manifest::raw("application/vnd.docker.distribution.manifest.v2+json", spaced.clone()),
    ] {
        let what = String::from_utf8_lossy(&manifest.bytes[..60]).into_owned();
        let refused = refused(&registry, &repository, &manifest, INVALID).await;
        refused.map_err(|stop| stop.during(what))?;
    }
    Ok(())
}

async fn what_is_no_manifest_is_refused(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.image(&repository, "image").await?;
    let text = String::from_utf8_lossy(&image.bytes).into_owned();
    let nested =
        |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let deep = text.replacen('{', &format!("{{\"deep\":{},", nested("[", "]")), 1);
    let deep_objects = text.replacen(
        '{',
        &format!("{{\"deep\":{}1{},", r#"{"a":"#.repeat(10_000), "}".repeat(10_000)),
        1,
    );
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "\"text\"",
        "{\"schemaVersion\":2}",
        "not json",
        &text[..text.len() - 1],
        &format!("{text}{text}"),
        &format!("{text} trailing"),
        &text.replace("\"schemaVersion\":2", "\"schemaVersion\":1"),
        &text.replace("\"schemaVersion\":2", "\"schemaVersion\":\"2\""),
        &text.replace("sha256:", "sha256:zz"),
        &text.replace("sha256:", "md5:"),
        &text.replace("\"size\":", "\"size\":-"),
        &text.replace("\"size\":", "\"size\":1.5e"),
        &text.replace("\"layers\":[", "\"layers\":[null,"),
        &text.replace("\"layers\":", "\"layers\":{},\"x\":"),
        &nested("[", "]"),
        &nested("[", ""),
        &deep,
        &deep_objects,
    ] {
        let manifest = Manifest::raw(IMAGE, body.to_owned());
        let what = body.chars().take(60).collect::<String>();
        let codes = &["MANIFEST_INVALID", "DIGEST_INVALID"];
        let refused = refused(&registry, &repository, &manifest, codes).await;
        refused.map_err(|stop| stop.during(what))?;
    }
    let bytes = [&b"{\"a\":\""[..], &[0xff, 0xfe], b"\"}"].concat();
    refused(&registry, &repository, &Manifest::raw(IMAGE, bytes), INVALID).await
}

async fn oversized_manifests_are_413(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let padding = "x".repeat(9 << 20);
    let keys = json!({ "annotations": { "padding": padding } });
    let manifest = registry.image_with(&repository, "image", keys).await?;
    let codes = &["MANIFEST_INVALID", "SIZE_INVALID"];
    let put = registry.put_request(&repository, "large", &manifest);
    put.clone().send().await?.error(413, codes)?;
    put.chunked([manifest.bytes.clone()]).send().await?.error(413, codes)?;
    let put = registry.put_request(&repository, "large", &manifest);
    put.cut(1 << 60, manifest.bytes.slice(..100)).send_broken().await?;
    registry.head(&format!("/v2/{repository}/manifests/large")).await?.status(&[404])?;
    Ok(())
}

async fn wrong_sizes_are_refused(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let codes = &["MANIFEST_INVALID", "SIZE_INVALID", "MANIFEST_BLOB_UNKNOWN"];
    let mut layer = registry.push_as(&repository, LAYER, registry.bytes("layer", 100)).await?;
    for size in [0u64, 99, 101, u64::MAX] {
        layer["size"] = size.into();
        let image = registry.image_with(&repository, "image", json!({ "layers": [layer] })).await?;
        refused(&registry, &repository, &image, codes).await?;
    }
    let image = registry.image(&repository, "image").await?;
    registry.put(&repository, image.digest, &image).await?.status(&[201])?;
    let mut child = image.descriptor();
    child["size"] = 1.into();
    refused(&registry, &repository, &Manifest::index(&[child], json!({})), codes).await
}

async fn a_cut_manifest_is_not_stored(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.image(&repository, "image").await?;
    for reference in ["latest".to_owned(), image.digest.to_string()] {
        // What came is a whole manifest, but more was announced.
        let put = registry.put_request(&repository, &reference, &image);
        put.cut(image.bytes.len() as u64 + 1, image.bytes.clone()).send_broken().await?;
        let put = registry.put_request(&repository, &reference, &image);
        put.cut_chunked(image.bytes.clone()).send_broken().await?;
        let path = format!("/v2/{repository}/manifests/{reference}");
        registry.head(&path).await?.status(&[404])?;
    }
    Ok(())
}
