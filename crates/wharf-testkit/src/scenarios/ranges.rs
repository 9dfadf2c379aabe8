//! Reading parts of blobs.

use std::ops::Range;

use bytes::Bytes;

use super::{
    Check, Registry, Response,
    check::{ensure, same},
    registry::Blob,
    scenarios,
};

scenarios! {
    "RFC 9110: Range Requests" {
        one_range_is_that_part,
        a_range_outside_of_the_blob_is_416,
        a_reversed_range_is_416_or_ignored,
        several_ranges_come_in_parts,
        overlapping_ranges_do_not_amplify,
        if_range_protects_a_range,
        other_units_and_methods_ignore_ranges,
    }
}

const SIZE: usize = 2048;

async fn blob(registry: &Registry) -> Check<(String, Blob)> {
    let repository = registry.repository("a");
    let blob = registry.blob("content", SIZE);
    registry.push(&repository, &blob).await?;
    Ok((format!("/v2/{repository}/blobs/{}", blob.digest), blob))
}

async fn ask(registry: &Registry, path: &str, range: &str) -> Check<Response> {
    registry.request("GET", path).header("range", range).send().await
}

async fn one_range_is_that_part(registry: Registry) -> Check {
    let (path, blob) = blob(&registry).await?;
    for (range, part) in [
        ("bytes=500-1499", 500..1500),
        ("bytes=500-", 500..SIZE),
        ("bytes=-500", SIZE - 500..SIZE),
        ("bytes=2000-5000", 2000..SIZE),
        ("bytes=0-0", 0..1),
        ("bytes=0-", 0..SIZE),
        ("bytes=-5000", 0..SIZE),
        ("bytes=2047-99999999999999999999999999", 2047..SIZE),
    ] {
        let response = ask(&registry, &path, range).await?.status(&[206])?;
        let place = format!("bytes {}-{}/{SIZE}", part.start, part.end - 1);
        let response = response
            .with("content-range", &place)?
            .with("content-length", &part.len().to_string())?;
        same(response.complaint("has the body"), &response.body, &blob.bytes.slice(part))?;
        same(range, response.header("accept-ranges").unwrap_or("bytes"), "bytes")?;
    }
    Ok(())
}

async fn a_range_outside_of_the_blob_is_416(registry: Registry) -> Check {
    let (path, _) = blob(&registry).await?;
    for range in ["bytes=5000-10000", "bytes=2048-", "bytes=-0", "bytes=9999-,8888-"] {
        let response = ask(&registry, &path, range).await?.error(416, &["RANGE_INVALID"])?;
        response.with("content-range", &format!("bytes */{SIZE}"))?;
    }
    Ok(())
}

async fn a_reversed_range_is_416_or_ignored(registry: Registry) -> Check {
    let (path, blob) = blob(&registry).await?;
    for range in ["bytes=500-0", "bytes=a-b", "bytes=", "bytes=-", "bytes", "bytes=1-2-3"] {
        let response = ask(&registry, &path, range).await?.status(&[200, 416])?;
        let expected =
            if response.status == 416 { response.body.clone() } else { blob.bytes.clone() };
        same(response.complaint("has the body"), &response.body, &expected)?;
    }
    let many = format!("bytes={}", vec!["0-0"; 500].join(","));
    let response = ask(&registry, &path, &many).await?.status(&[200, 206, 416])?;
    ensure(response.body.len() < 2 * SIZE, response.complaint("is many times the blob"))
}

async fn several_ranges_come_in_parts(registry: Registry) -> Check {
    let (path, blob) = blob(&registry).await?;
    let response =
        ask(&registry, &path, "bytes=1000-1099, 0-9, -20, 9000-").await?.status(&[206])?;
    ensure(response.header("content-range").is_none(), "Content-Range belongs into the parts")?;
    let parts = parts(&response)?;
    let expected = [1000..1100, 0..10, SIZE - 20..SIZE];
    same("the number of parts", parts.len(), expected.len())?;
    for ((range, bytes), expected) in parts.into_iter().zip(expected) {
        same("the part", &range, &expected)?;
        same("the part's content", &bytes, &blob.bytes.slice(expected))?;
    }
    Ok(())
}

async fn overlapping_ranges_do_not_amplify(registry: Registry) -> Check {
    let (path, _) = blob(&registry).await?;
    let many = format!("bytes={}", ["0-"; 12].join(","));
    let response = ask(&registry, &path, &many).await?.status(&[200, 206, 416])?;
    ensure(response.body.len() < 2 * SIZE, response.complaint("is many times the blob"))?;
    let response = ask(&registry, &path, "bytes=0-99,50-149").await?.status(&[200, 206, 416])?;
    ensure(response.body.len() < SIZE + 1024, response.complaint("is too long"))
}

async fn if_range_protects_a_range(registry: Registry) -> Check {
    let (path, blob) = blob(&registry).await?;
    let ask = |tag: &str| {
        let request = registry.request("GET", &path).header("range", "bytes=10-19");
        request.header("if-range", tag).send()
    };
    let etag = registry.head(&path).await?.needs("etag")?.to_owned();
    let response = ask(&etag).await?.status(&[206])?;
    same("the body", &response.body, &blob.bytes.slice(10..20))?;
    ask("\"other\"").await?.content(&blob.digest, &blob.bytes)?;
    // A weak tag never protects a range.
    ask(&format!("W/{etag}")).await?.content(&blob.digest, &blob.bytes)?;
    Ok(())
}

async fn other_units_and_methods_ignore_ranges(registry: Registry) -> Check {
    let (path, blob) = blob(&registry).await?;
    ask(&registry, &path, "items=0-5").await?.content(&blob.digest, &blob.bytes)?;
    let head = registry.request("HEAD", &path).header("range", "bytes=0-9").send().await?;
    head.status(&[200, 206])?;
    Ok(())
}

/// Reads a `multipart/byteranges` body.
fn parts(response: &Response) -> Check<Vec<(Range<usize>, Bytes)>> {
    let content_type = response.needs("content-type")?;
    let boundary = content_type
        .strip_prefix("multipart/byteranges")
        .and_then(|rest| rest.split_once("boundary="))
        .map(|(_, boundary)| boundary.trim_matches('"'))
        .ok_or_else(|| response.complaint(format!("has the type {content_type}")))?;
    let broken = || response.complaint("has a broken multipart body");
    let mut rest = response.body.clone();
    let mut parts = Vec::new();
    loop {
        let line = take_line(&mut rest).ok_or_else(broken)?;
        if line.is_empty() {
            continue;
        }
        if line == format!("--{boundary}--") {
            return Ok(parts);
        }
        ensure(line == format!("--{boundary}"), broken())?;
        let mut range = None;
        loop {
            let line = take_line(&mut rest).ok_or_else(broken)?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(place) = line.strip_prefix("content-range:") {
                range = byte_range(place.trim());
            }
        }
        let range = range.ok_or_else(broken)?;
        ensure(rest.len() >= range.len(), broken())?;
        parts.push((range.clone(), rest.split_to(range.len())));
    }
}

/// Reads `bytes first-last/size`.
fn byte_range(text: &str) -> Option<Range<usize>> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    (size == SIZE.to_string() && first <= last && last < SIZE).then_some(first..last + 1)
}

fn take_line(rest: &mut Bytes) -> Option<String> {
    let end = rest.windows(2).position(|window| window == b"\r\n")?;
    let line = rest.split_to(end + 2);
    String::from_utf8(line[..end].to_vec()).ok()
}
