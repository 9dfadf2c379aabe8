//! The door: what the registry says about itself, its paths and its methods.

use super::{
    Check, Registry,
    check::{ensure, same},
    scenarios,
};

scenarios! {
    "OCI: Determining Support" {
        the_base_answers_with_and_without_its_slash,
    }
    "RFC 9110: Methods" {
        unknown_paths_are_404_in_json,
        wrong_methods_are_405_with_allow,
        options_are_answered,
        head_is_get_without_the_body,
    }
}

async fn the_base_answers_with_and_without_its_slash(registry: Registry) -> Check {
    for path in ["/v2/", "/v2"] {
        let response = registry.get(path).await?.status(&[200])?;
        same(
            "the API version",
            response.header("docker-distribution-api-version"),
            Some("registry/2.0"),
        )?;
        let content_type = response.needs("content-type")?;
        ensure(content_type.starts_with("application/json"), response.complaint(content_type))?;
        let response = registry.head(path).await?.status(&[200])?;
        ensure(response.body.is_empty(), "HEAD has a body")?;
    }
    Ok(())
}

async fn unknown_paths_are_404_in_json(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for path in [
        "/v2/nothing",
        "/v1/",
        "/v2/a/tags",
        &format!("/v2/{repository}/manifests"),
        &format!("/v2/{repository}/manifests/a/b"),
        &format!("/v2/{repository}/tags/list/more"),
    ] {
        let response = registry.get(path).await?.status(&[404])?;
        ensure(
            response.json()?["errors"][0]["code"].is_string(),
            response.complaint("has no code"),
        )?;
    }
    Ok(())
}

async fn wrong_methods_are_405_with_allow(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let digest = registry.blob("absent", 10).digest;
    let cases = [
        ("POST", "/v2/_catalog".to_owned(), "GET"),
        ("PUT", format!("/v2/{repository}/tags/list"), "GET"),
        ("DELETE", format!("/v2/{repository}/tags/list"), "HEAD"),
        ("PATCH", format!("/v2/{repository}/manifests/latest"), "PUT"),
        ("POST", format!("/v2/{repository}/manifests/{digest}"), "DELETE"),
        ("PUT", format!("/v2/{repository}/blobs/{digest}"), "GET"),
        ("DELETE", format!("/v2/{repository}/referrers/{digest}"), "GET"),
        ("BREW", format!("/v2/{repository}/tags/list"), "GET"),
    ];
    for (method, path, allowed) in cases {
        let response =
            registry.request(method, &path).send().await?.error(405, &["UNSUPPORTED"])?;
        let allow = response.needs("allow")?;
        let methods: Vec<_> = allow.split(',').map(str::trim).collect();
        ensure(methods.contains(&allowed), response.complaint(format!("allows {allow}")))?;
        ensure(!methods.contains(&method), response.complaint(format!("allows {allow}")))?;
    }
    Ok(())
}

async fn options_are_answered(registry: Registry) -> Check {
    let path = format!("/v2/{}/manifests/latest", registry.repository("a"));
    let response = registry.request("OPTIONS", &path).send().await?.status(&[200, 204])?;
    let allow = response.needs("allow")?;
    ensure(allow.contains("GET") && allow.contains("PUT"), response.complaint(allow))
}

async fn head_is_get_without_the_body(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let manifest = registry.tagged_image(&repository, "latest").await?;
    let blob = registry.blob("blob", 100);
    registry.push(&repository, &blob).await?;
    for path in [
        "/v2/_catalog".to_owned(),
        format!("/v2/{repository}/tags/list"),
        format!("/v2/{repository}/manifests/latest"),
        format!("/v2/{repository}/manifests/{}", manifest.digest),
        format!("/v2/{repository}/blobs/{}", blob.digest),
        format!("/v2/{repository}/referrers/{}", manifest.digest),
        format!("/v2/{repository}/manifests/absent"),
        format!("/v2/{repository}/blobs/{}", registry.blob("absent", 9).digest),
    ] {
        let get = registry.get(&path).await?;
        let head = registry.head(&path).await?.status(&[get.status])?;
        ensure(head.body.is_empty(), head.complaint("has a body"))?;
        // The catalog is everybody's, and may grow in between.
        let told: &[_] = if path.ends_with("_catalog") {
            &["content-type"]
        } else {
            &["content-type", "content-length", "docker-content-digest", "etag"]
        };
        for name in told {
            same(head.complaint(name), head.header(name), get.header(name))?;
        }
    }
    Ok(())
}
