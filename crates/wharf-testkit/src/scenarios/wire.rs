//! Requests that no client should send.

use bytes::Bytes;

use super::{
    Check, Registry, Response,
    check::{ensure, same},
    scenarios,
};

scenarios! {
    "Wharf: Bad Input" {
        a_body_longer_than_announced_is_cut_there,
        a_body_of_two_lengths_is_refused,
        headers_without_end_are_refused,
        garbage_is_refused,
        broken_chunks_publish_nothing,
    }
}

/// Fails unless the bytes are nothing, or an error.
fn refused(answer: &[u8]) -> Check {
    if answer.is_empty() {
        return Ok(());
    }
    let (response, _) = Response::parse_first(answer, false)?;
    ensure(
        (400..500).contains(&response.status),
        response.complaint(format!("is {}", response.status)),
    )
}

async fn a_body_longer_than_announced_is_cut_there(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 100);
    let location = registry.begin(&repository).await?;
    let location = location
        .rsplit_once("/v2/")
        .map_or(location.clone(), |(_, path)| registry.raw_path(&format!("/v2/{path}")));
    let separator = if location.contains('?') { '&' } else { '?' };
    let mut request = format!(
        "PUT {location}{separator}digest={} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nContent-Length: 100\r\n\r\n",
        blob.digest
    )
    .into_bytes();
    request.extend_from_slice(&blob.bytes);
    request.extend_from_slice(b"\x01 and more\r\n\r\n");
    let answer = registry.raw(request).await?;
    let (response, _) = Response::parse_first(&answer, false)?;
    response.status(&[201])?;
    let path = format!("/v2/{repository}/blobs/{}", blob.digest);
    registry.get(&path).await?.content(&blob.digest, &blob.bytes)?;
    Ok(())
}

async fn a_body_of_two_lengths_is_refused(registry: Registry) -> Check {
    let path = registry.raw_path(&format!("/v2/{}/blobs/uploads/", registry.repository("a")));
    let lengths = "Content-Length: 5\r\nContent-Length: 6";
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n{lengths}\r\n\r\nhello!"
    );
    refused(&registry.raw(request).await?)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nContent-Length: -1\r\n\r\n"
    );
    refused(&registry.raw(request).await?)
}

async fn headers_without_end_are_refused(registry: Registry) -> Check {
    let path = registry.raw_path("/v2/");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nX: {}\r\n\r\n",
        "x".repeat(4 << 20)
    );
    refused(&registry.raw(request).await?)?;
    let many = "X: y\r\n".repeat(700_000);
    refused(
        &registry
            .raw(format!(
                "GET {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n{many}\r\n"
            ))
            .await?,
    )?;
    let long = "a".repeat(4 << 20);
    refused(
        &registry
            .raw(format!(
                "GET {path}{long} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n"
            ))
            .await?,
    )
}

async fn garbage_is_refused(registry: Registry) -> Check {
    for garbage in
        ["\x00\x01\x02\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\r\n\r\n"]
    {
        refused(&registry.raw(garbage.as_bytes().to_vec()).await?)?;
    }
    registry.get("/v2/").await?.status(&[200])?;
    Ok(())
}

async fn broken_chunks_publish_nothing(registry: Registry) -> Check {
    let repository = registry.repository("a");
    let blob = registry.blob("content", 100);
    let path =
        registry.raw_path(&format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    for tail in ["zz\r\n\r\n", "ffffffffffffffffffff\r\n", "-1\r\n"] {
        let mut request = Vec::from(head.as_bytes());
        request.extend_from_slice(b"64\r\n");
        request.extend_from_slice(&blob.bytes);
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(tail.as_bytes());
        refused(&registry.raw(Bytes::from(request)).await?)?;
    }
    let response = registry.head(&format!("/v2/{repository}/blobs/{}", blob.digest)).await?;
    same("the status", response.status, 404)
}
