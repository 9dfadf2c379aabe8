//! The lists of tags and of repositories, page by page.

use super::{
    Check, Registry,
    check::{ensure, same},
    scenarios,
};

scenarios! {
    "OCI: Listing Tags" {
        an_unknown_repository_has_no_tags,
        tags_are_listed_in_byte_order,
        tags_are_listed_by_page,
        n_is_a_number_for_tags,
        tags_begin_after_last,
    }
    "distribution: Catalog" {
        repositories_are_listed_by_page_in_byte_order,
        n_is_a_number_for_the_catalog,
    }
}

/// In byte order; where a name ends, `-` and `.` come before `/`.
const TAGS: [&str; 9] = ["1", "1.0", "1.0-alpine", "1.0.1", "A", "_x", "a", "latest", "v1"];

async fn tagged(registry: &Registry) -> Check<String> {
    let repository = registry.repository("a");
    let manifest = registry.image(&repository, "image").await?;
    for tag in TAGS.iter().rev() {
        registry.put(&repository, tag, &manifest).await?.status(&[201])?;
    }
    Ok(format!("/v2/{repository}/tags/list"))
}

/// Follows `Link` to the end, and returns every page.
async fn pages(registry: &Registry, path: &str, key: &str) -> Check<Vec<Vec<String>>> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let response = registry.get(&path).await?.status(&[200])?;
        pages.push(response.strings(key)?);
        next = response.next()?;
        ensure(pages.len() <= 1000, "the pages do not end")?;
    }
    Ok(pages)
}

async fn an_unknown_repository_has_no_tags(registry: Registry) -> Check {
    let path = format!("/v2/{}/tags/list", registry.repository("absent"));
    registry.get(&path).await?.error(404, &["NAME_UNKNOWN"])?;
    registry.head(&path).await?.status(&[404])?;
    Ok(())
}

async fn tags_are_listed_in_byte_order(registry: Registry) -> Check {
    let path = tagged(&registry).await?;
    for path in [path.clone(), format!("{path}/"), format!("{path}?n=&last=")] {
        let response = registry.get(&path).await?.status(&[200])?;
        same("the tags", response.strings("tags")?, TAGS)?;
        same("the Link", response.next()?, None)?;
    }
    Ok(())
}

async fn tags_are_listed_by_page(registry: Registry) -> Check {
    let path = tagged(&registry).await?;
    for n in 1..=TAGS.len() + 1 {
        let pages = pages(&registry, &format!("{path}?n={n}&ns=docker.io"), "tags").await?;
        same(format_args!("the tags by {n}"), pages.concat(), TAGS)?;
        ensure(pages.iter().all(|page| page.len() <= n), format_args!("a page exceeds {n}"))?;
        ensure(pages[0].len() == n.min(TAGS.len()), "the first page is not full")?;
    }
    let link = registry.get(&format!("{path}?n=2&ns=docker.io")).await?.next()?;
    let link = link.ok_or("a page without its Link")?;
    for kept in ["n=2", "ns=docker.io", "last=1.0"] {
        ensure(link.contains(kept), format_args!("{link} does not keep {kept}"))?;
    }
    Ok(())
}

async fn n_is_a_number_for_tags(registry: Registry) -> Check {
    let path = tagged(&registry).await?;
    let response = registry.get(&format!("{path}?n=0")).await?.status(&[200])?;
    same("no tags", response.strings("tags")?, [""; 0])?;
    same("the Link", response.next()?, None)?;
    for n in ["-1", "abc", "1.5", "0x1", "%201"] {
        let response = registry.get(&format!("{path}?n={n}")).await?;
        response.error(400, &["PAGINATION_NUMBER_INVALID"])?;
    }
    // Nothing may be allocated from it.
    for n in ["1000000", "4294967296", "9223372036854775807"] {
        let response = registry.get(&format!("{path}?n={n}")).await?.status(&[200])?;
        same("the tags", response.strings("tags")?, TAGS)?;
    }
    registry.get(&format!("{path}?n=99999999999999999999999")).await?.status(&[200, 400])?;
    Ok(())
}

async fn tags_begin_after_last(registry: Registry) -> Check {
    let path = tagged(&registry).await?;
    for (last, expected) in
        [("1.0", &TAGS[2..]), ("1.0-", &TAGS[2..]), ("0", &TAGS[..]), ("v1", &[]), ("zzz", &[])]
    {
        let response = registry.get(&format!("{path}?last={last}")).await?.status(&[200])?;
        same(format_args!("the tags after {last}"), response.strings("tags")?, expected)?;
    }
    Ok(())
}

async fn repositories_are_listed_by_page_in_byte_order(registry: Registry) -> Check {
    // In byte order of the whole name, `a/x` comes after `a-b` and `a.b`.
    let words = ["a", "a-b", "a.b", "a/x", "a/x/y", "ab", "b"];
    for word in words.iter().rev() {
        registry.tagged_image(&registry.repository(word), "latest").await?;
    }
    let ours = registry.repository("");
    let before = ours.trim_end_matches('/').replace('/', "%2F");
    for n in [1, 2, 3, 100] {
        let mut seen: Vec<String> = Vec::new();
        let mut next = Some(format!("/v2/_catalog?n={n}&last={before}&ns=docker.io"));
        while let Some(path) = next {
            let response = registry.get(&path).await?.status(&[200])?;
            let page = response.strings("repositories")?;
            ensure(page.len() <= n, response.complaint("exceeds n"))?;
            next = response.next()?.filter(|_| page.iter().all(|name| name.starts_with(&ours)));
            if let Some(next) = &next {
                ensure(next.contains("ns=docker.io"), "Link drops the other parameters")?;
            }
            seen.extend(page);
        }
        let seen: Vec<_> = seen.iter().filter_map(|name| name.strip_prefix(&ours)).collect();
        same(format_args!("the repositories by {n}"), seen, words)?;
    }
    Ok(())
}

async fn n_is_a_number_for_the_catalog(registry: Registry) -> Check {
    registry.tagged_image(&registry.repository("a"), "latest").await?;
    let response = registry.get("/v2/_catalog?n=0").await?.status(&[200])?;
    same("no repositories", response.strings("repositories")?, [""; 0])?;
    for n in ["-1", "abc", "1.5", "1000000", "9223372036854775807"] {
        let response = registry.get(&format!("/v2/_catalog?n={n}")).await?;
        response.error(400, &["PAGINATION_NUMBER_INVALID"])?;
    }
    Ok(())
}
