//! What refers to a manifest.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wharf_digest::{Algorithm, Digest};

use super::{
    Check, Registry, Response,
    check::{ensure, same},
    registry::{INDEX, Manifest},
    scenarios,
};

scenarios! {
    "OCI: Listing Referrers" {
        nothing_refers_to_what_is_not_there,
        malformed_subjects_are_400,
        referrers_are_described,
        referrers_are_filtered_by_type,
        a_subject_may_be_missing,
        a_sha512_subject_has_referrers,
        referrers_are_listed_by_page,
        a_page_of_referrers_is_bounded,
        a_deleted_referrer_is_gone_at_once,
    }
}

const SBOM: &str = "application/vnd.example.sbom+json";
const SIGNATURE: &str = "application/vnd.example.signature";

fn path(repository: &str, subject: &Digest) -> String {
    format!("/v2/{repository}/referrers/{subject}")
}

/// Fails unless it is an index; returns its descriptors.
fn listed(response: &Response) -> Check<Vec<Value>> {
    response.clone().status(&[200])?.with("content-type", INDEX)?;
    let body = response.json()?;
    same("schemaVersion", body["schemaVersion"].as_u64(), Some(2))?;
    same("mediaType", body["mediaType"].as_str(), Some(INDEX))?;
    let list = body["manifests"].as_array();
    Ok(list.ok_or_else(|| response.complaint(format!("has no list: {body}")))?.clone())
}

fn digests(list: &[Value]) -> BTreeSet<String> {
    list.iter().filter_map(|item| item["digest"].as_str()).map(str::to_owned).collect()
}

/// Pushes an artifact that refers to a subject.
async fn refer(
    registry: &Registry,
    repository: &str,
    subject: &Value,
    keys: Value,
) -> Check<Manifest> {
    let mut all = json!({ "subject": subject });
    if let (Some(all), Value::Object(keys)) = (all.as_object_mut(), keys) {
        all.extend(keys);
    }
    let manifest = registry.image_with(repository, "referrer", all).await?;
    let response = registry.put(repository, manifest.digest, &manifest).await?.status(&[201])?;
    response.with("oci-subject", subject["digest"].as_str().unwrap_or_default())?;
    Ok(manifest)
}

async fn nothing_refers_to_what_is_not_there(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.tagged_image(&repository, "latest").await?;
    let absent = [registry.blob("absent", 10).digest, Digest::of(Algorithm::Sha512, b"absent")];
    for repository in [repository, registry.repository("absent")] {
        for subject in [absent[0], absent[1], image.digest] {
            let response = registry.get(&path(&repository, &subject)).await?;
            same("the referrers", listed(&response)?.len(), 0)?;
        }
    }
    Ok(())
}

async fn malformed_subjects_are_400(registry: Registry) -> Check {
    let repository = registry.repository("a");
    for subject in
        ["latest", "sha256:", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "..%2f"]
    {
        let response = registry.get(&format!("/v2/{repository}/referrers/{subject}")).await?;
        response.error(400, &["DIGEST_INVALID", "UNSUPPORTED"])?;
    }
    Ok(())
}

async fn referrers_are_described(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.tagged_image(&repository, "latest").await?;
    let subject = image.descriptor();
    let annotations = json!({ "org.example.a": "1", "org.example.ü": "2" });
    let typed = json!({ "artifactType": SBOM, "annotations": annotations });
    let typed = refer(&registry, &repository, &subject, typed).await?;
    let untyped = refer(&registry, &repository, &subject, json!({})).await?;
    let keys = json!({ "subject": subject, "artifactType": SIGNATURE, "annotations": annotations });
    let index = Manifest::index(std::slice::from_ref(&subject), keys);
    let response = registry.put(&repository, "index", &index).await?.status(&[201])?;
    response.with("oci-subject", &image.digest.to_string())?;
    let plain = Manifest::index(&[], json!({ "subject": subject }));
    registry.put(&repository, plain.digest, &plain).await?.status(&[201])?;

    let response = registry.get(&path(&repository, &image.digest)).await?;
    let list = listed(&response)?;
    same("the number of referrers", list.len(), 4)?;
    for (manifest, artifact_type, annotated) in [
        (&typed, Some(SBOM), true),
        // Without artifactType it is the type of the configuration; an index has none.
        (&untyped, Some("application/vnd.oci.image.config.v1+json"), false),
        (&index, Some(SIGNATURE), true),
        (&plain, None, false),
    ] {
        let found = list.iter().find(|item| item["digest"] == manifest.digest.to_string());
        let found =
            found.ok_or_else(|| response.complaint(format!("lacks {}", manifest.digest)))?;
        same("mediaType", found["mediaType"].as_str(), Some(&*manifest.media_type))?;
        same("size", found["size"].as_u64(), Some(manifest.bytes.len() as u64))?;
        same("artifactType", found.get("artifactType"), artifact_type.map(Value::from).as_ref())?;
        same("annotations", found.get("annotations"), annotated.then_some(&annotations))?;
    }
    // Pushed again, it is listed once.
    registry.put(&repository, "again", &typed).await?.status(&[201])?;
    same("the number", listed(&registry.get(&path(&repository, &image.digest)).await?)?.len(), 4)
}

async fn referrers_are_filtered_by_type(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let subject = registry.tagged_image(&repository, "latest").await?.descriptor();
    let digest = Digest::parse(subject["digest"].as_str().unwrap_or_default());
    let path = path(&repository, &digest.map_err(|error| error.to_string())?);
    let mut sboms = BTreeSet::new();
    for at in 0..3 {
        let keys = json!({ "artifactType": SBOM, "annotations": { "at": at.to_string() } });
        sboms.insert(refer(&registry, &repository, &subject, keys).await?.digest.to_string());
        let keys = json!({ "artifactType": SIGNATURE, "annotations": { "at": at.to_string() } });
        refer(&registry, &repository, &subject, keys).await?;
    }
    let encoded = SBOM.replace('/', "%2F").replace('+', "%2B");
    for query in [encoded, SBOM.replace('+', "%2B"), SBOM.to_owned()] {
        let response = registry.get(&format!("{path}?artifactType={query}")).await?;
        let response = response.with("oci-filters-applied", "artifactType")?;
        same(&query, digests(&listed(&response)?), sboms.clone())?;
    }
    let response = registry.get(&format!("{path}?artifactType=application/none")).await?;
    let response = response.with("oci-filters-applied", "artifactType")?;
    same("no referrers", listed(&response)?.len(), 0)?;
    let response = registry.get(&path).await?;
    same("the filter", response.header("oci-filters-applied"), None)?;
    same("all referrers", listed(&response)?.len(), 6)
}

async fn a_subject_may_be_missing(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let missing = Manifest::index(&[], json!({ "annotations": { "id": repository } }));
    let referrer = refer(&registry, &repository, &missing.descriptor(), json!({})).await?;
    let path = path(&repository, &missing.digest);
    let expected = BTreeSet::from([referrer.digest.to_string()]);
    same("the referrers", digests(&listed(&registry.get(&path).await?)?), expected.clone())?;
    // And comes later.
    registry.put(&repository, "late", &missing).await?.status(&[201])?;
    same("the referrers", digests(&listed(&registry.get(&path).await?)?), expected)?;
    // Another repository knows nothing of it.
    let path = self::path(&registry.repository("b"), &missing.digest);
    same("the referrers elsewhere", listed(&registry.get(&path).await?)?.len(), 0)
}

async fn a_sha512_subject_has_referrers(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let mut image = registry.image(&repository, "image").await?;
    image.digest = Digest::of(Algorithm::Sha512, &image.bytes);
    registry.put(&repository, image.digest, &image).await?.status(&[201])?;
    let keys = json!({ "artifactType": SBOM });
    let referrer = refer(&registry, &repository, &image.descriptor(), keys).await?;
    let response = registry.get(&path(&repository, &image.digest)).await?;
    same(
        "the referrers",
        digests(&listed(&response)?),
        BTreeSet::from([referrer.digest.to_string()]),
    )?;
    let response = registry.get(&path(&repository, &Digest::sha256(&image.bytes))).await?;
    same("referrers of another digest", listed(&response)?.len(), 0)
}

/// Follows `Link` to the end; returns every page.
async fn pages(registry: &Registry, path: &str) -> Check<Vec<(Response, Vec<Value>)>> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let response = registry.get(&path).await?;
        let list = listed(&response)?;
        next = response.next()?;
        pages.push((response, list));
        ensure(pages.len() <= 1000, "the pages do not end")?;
    }
    Ok(pages)
}

async fn referrers_are_listed_by_page(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let image = registry.tagged_image(&repository, "latest").await?;
    let mut sboms = BTreeSet::new();
    for at in 0..5 {
        let keys = json!({ "artifactType": SBOM, "annotations": { "at": at.to_string() } });
        let manifest = refer(&registry, &repository, &image.descriptor(), keys).await?;
        sboms.insert(manifest.digest.to_string());
        refer(
            &registry,
            &repository,
            &image.descriptor(),
            json!({ "artifactType": SIGNATURE, "x": at }),
        )
        .await?;
    }
    let filtered = format!(
        "{}?n=2&artifactType={}",
        path(&repository, &image.digest),
        SBOM.replace('+', "%2B")
    );
    let pages = pages(&registry, &filtered).await?;
    let all: Vec<_> = pages.iter().flat_map(|(_, list)| list.clone()).collect();
    same("the number of referrers", all.len(), sboms.len())?;
    same("the referrers", digests(&all), sboms)?;
    for (response, list) in &pages {
        same("the filter", response.header("oci-filters-applied"), Some("artifactType"))?;
        // To know `n` is not asked for by the specification; without it all are on one page.
        ensure(pages.len() == 1 || list.len() <= 2, response.complaint("exceeds n"))?;
        if let Some(next) = response.next()? {
            ensure(next.contains("artifactType="), "Link drops the filter")?;
        }
    }
    Ok(())
}

async fn a_page_of_referrers_is_bounded(registry: Registry) -> Check {
    const MOST: usize = 4 << 20;
    let repository = registry.repository("a");
    let image = registry.tagged_image(&repository, "latest").await?;
    let mut referrers = BTreeSet::new();
    for at in 0..6 {
        let keys =
            json!({ "annotations": { "at": at.to_string(), "padding": "x".repeat(1 << 20) } });
        let manifest = refer(&registry, &repository, &image.descriptor(), keys).await?;
        referrers.insert(manifest.digest.to_string());
    }
    let pages = pages(&registry, &path(&repository, &image.digest)).await?;
    let all: Vec<_> = pages.iter().flat_map(|(_, list)| list.clone()).collect();
    same("the referrers", digests(&all), referrers)?;
    same("the number of referrers", all.len(), 6)?;
    for (response, _) in pages {
        ensure(response.body.len() <= MOST, response.complaint("is longer than a client takes"))?;
    }
    Ok(())
}

async fn a_deleted_referrer_is_gone_at_once(registry: Registry) -> Check {
    registry.needs_deletes()?;
    let repository = registry.repository("a");
    let image = registry.tagged_image(&repository, "latest").await?;
    let subject = image.descriptor();
    let one = refer(&registry, &repository, &subject, json!({ "artifactType": SBOM })).await?;
    let two = refer(&registry, &repository, &subject, json!({ "artifactType": SIGNATURE })).await?;
    let path = path(&repository, &image.digest);
    registry.delete(&format!("/v2/{repository}/manifests/{}", one.digest)).await?.status(&[202])?;
    let expected = BTreeSet::from([two.digest.to_string()]);
    same("the referrers", digests(&listed(&registry.get(&path).await?)?), expected.clone())?;
    // They outlive their subject.
    registry
        .delete(&format!("/v2/{repository}/manifests/{}", image.digest))
        .await?
        .status(&[202])?;
    same("the referrers", digests(&listed(&registry.get(&path).await?)?), expected)?;
    registry.put(&repository, one.digest, &one).await?.status(&[201])?;
    same("the referrers", listed(&registry.get(&path).await?)?.len(), 2)
}
