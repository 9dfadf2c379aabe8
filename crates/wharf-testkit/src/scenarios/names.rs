//! Names that are no names, and names that look like something else.

use serde_json::json;

use super::{Check, Registry, check::same, registry::Manifest, scenarios};

scenarios! {
    "OCI: Grammar of Names" {
        malformed_names_are_400,
        names_of_255_bytes_work,
        keywords_are_names_too,
        malformed_tags_are_not_found_and_not_made,
        broken_queries_are_400,
    }
}

async fn malformed_names_are_400(registry: Registry) -> Check {
    let long = "a".repeat(256);
    let deep = ["a/"; 128].concat() + "a";
    let digest = registry.blob("content", 10).digest;
    let manifest = Manifest::new(&json!({}));
    for name in [
        "Upper", "a/Upper", "..", "a/..", "../a", "a/../b", "%2e%2e/a", "a%2fb", "a%2Fb", "a%00b",
        "%00", "a%", "a%zz", "a%252fb", "a%ff", "a//b", ".a", "a.", "a__-b", "a_", "-a", "a%20b",
        "a:b", "a@b", "_a", "%c3%a9", &long, &deep,
    ] {
        let below = format!("/v2/{name}");
        let refused = |response: super::Response| response.error(400, &["NAME_INVALID"]);
        refused(registry.get(&format!("{below}/tags/list")).await?)?;
        refused(registry.get(&format!("{below}/manifests/latest")).await?)?;
        refused(registry.put(name, "latest", &manifest).await?)?;
        refused(registry.get(&format!("{below}/blobs/{digest}")).await?)?;
        refused(registry.get(&format!("{below}/referrers/{digest}")).await?)?;
        refused(registry.request("POST", &format!("{below}/blobs/uploads/")).send().await?)?;
    }
    Ok(())
}

async fn names_of_255_bytes_work(registry: Registry) -> Check {
    let start = registry.repository("");
    let name = format!("{start}{}", "a".repeat(255 - start.len()));
    let manifest = registry.tagged_image(&name, "latest").await?;
    let path = format!("/v2/{name}/manifests/latest");
    registry.get(&path).await?.content(&manifest.digest, &manifest.bytes)?;
    Ok(())
}

async fn keywords_are_names_too(registry: Registry) -> Check {
    for word in [
        "manifests",
        "blobs",
        "uploads",
        "tags",
        "referrers",
        "tags/list",
        "blobs/uploads",
        "a/manifests/b",
        "manifests/manifests",
        "blobs/uploads/tags/list",
        "v2",
        "link",
        "current",
    ] {
        let repository = registry.repository(word);
        let manifest = registry.tagged_image(&repository, "list").await?;
        let path = format!("/v2/{repository}/manifests/list");
        registry.get(&path).await?.content(&manifest.digest, &manifest.bytes)?;
        let list = registry.get(&format!("/v2/{repository}/tags/list")).await?.status(&[200])?;
        same("the tags", list.strings("tags")?, ["list"])?;
        same("the name", list.json()?["name"].as_str(), Some(&*repository))?;
    }
    Ok(())
}

async fn malformed_tags_are_not_found_and_not_made(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let manifest = registry.tagged_image(&repository, "good").await?;
    let long = "a".repeat(129);
    for tag in [".a", "-a", "a%2fb", "a%00", "a%20b", "a+b", "%c3%a9", "..", "%2e%2e", &long] {
        let path = format!("/v2/{repository}/manifests/{tag}");
        registry.get(&path).await?.status(&[400, 404])?;
        let put = registry.put(&repository, tag, &manifest).await?;
        put.error(400, &["TAG_INVALID", "MANIFEST_INVALID", "NAME_INVALID"])?;
    }
    let longest = "a".repeat(128);
    registry.put(&repository, &longest, &manifest).await?.status(&[201])?;
    let list = registry.get(&format!("/v2/{repository}/tags/list")).await?;
    same("the tags", list.strings("tags")?, [&*longest, "good"])
}

async fn broken_queries_are_400(registry: Registry) -> Check {
    let repository = registry.repository("a");
    registry.tagged_image(&repository, "latest").await?;
    for query in ["n=%ff", "last=%00", "last=a%0d%0ab"] {
        let path = format!("/v2/{repository}/tags/list?{query}");
        registry.get(&path).await?.status(&[400])?;
    }
    let path = format!("/v2/{repository}/tags/list?{}", ["x=1&"; 2000].concat());
    registry.get(&path).await?.status(&[200, 400, 414, 431])?;
    Ok(())
}
