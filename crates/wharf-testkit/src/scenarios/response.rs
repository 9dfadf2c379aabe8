//! What came back, and what it should have been.

use bytes::Bytes;
use serde_json::Value;
use wharf_digest::Digest;

use super::{
    Check,
    check::{ensure, same},
};

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// What it answers.
    request: String,
    /// The status code.
    pub status: u16,
    /// The header lines, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

// === impl Response ===

impl Response {
    pub(super) fn of(self, request: String) -> Self {
        Self { request, ..self }
    }

    /// Reads everything that the server sent before it closed the connection.
    pub(super) fn parse(answer: &[u8], headless: bool) -> Check<Self> {
        let (response, rest) = Self::parse_first(answer, headless)?;
        ensure(rest.is_empty(), format_args!("{} bytes behind the answer's end", rest.len()))?;
        Ok(response)
    }

    /// Reads the first answer, and returns what is behind it.
    pub(super) fn parse_first(answer: &[u8], headless: bool) -> Check<(Self, &[u8])> {
        let (status, headers, rest) = parse_head(answer)?;
        if (100..200).contains(&status) {
            return Self::parse_first(rest, headless);
        }
        let mut response = Self { request: String::new(), status, headers, body: Bytes::new() };
        let (body, rest) = response.frame(rest, headless)?;
        response.body = body;
        Ok((response, rest))
    }

    fn frame<'a>(&self, rest: &'a [u8], headless: bool) -> Check<(Bytes, &'a [u8])> {
        if headless || matches!(self.status, 204 | 304) {
            return Ok((Bytes::new(), rest));
        }
        if self.header("transfer-encoding").is_some() {
            return unchunk(rest);
        }
        let Some(length) = self.header("content-length") else {
            return Ok((Bytes::copy_from_slice(rest), &[]));
        };
        let length: usize = length.parse().map_err(|_| format!("Content-Length is {length:?}"))?;
        let body = rest.get(..length);
        let body = body.ok_or_else(|| format!("{} bytes of {length} came", rest.len()))?;
        Ok((Bytes::copy_from_slice(body), &rest[length..]))
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header that has to be there.
    pub fn needs(&self, name: &str) -> Check<&str> {
        self.header(name).ok_or_else(|| self.complaint(format!("has no {name}")).into())
    }

    /// Fails unless the status is one of these.
    pub fn status(self, expected: &[u16]) -> Check<Self> {
        if expected.contains(&self.status) {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]);
        Err(self.complaint(format!("is {}, not {expected:?}: {body}", self.status)).into())
    }

    /// Fails unless a header has this value.
    pub fn with(self, name: &str, expected: &str) -> Check<Self> {
        match self.header(name) {
            Some(value) if value == expected => Ok(self),
            other => Err(self.complaint(format!("has {name} {other:?}, not {expected:?}")).into()),
        }
    }

    /// Fails unless it is this content: body, length and digest header.
    pub fn content(self, digest: &Digest, body: &[u8]) -> Check<Self> {
        let response = self
            .status(&[200])?
            .with("content-length", &body.len().to_string())?
            .with("docker-content-digest", &digest.to_string())?;
        ensure(response.body == body, response.complaint("has another body"))?;
        Ok(response)
    }

    /// Fails unless it describes this content without its body.
    pub fn description(self, digest: &Digest, size: usize) -> Check<Self> {
        let response = self
            .status(&[200])?
            .with("content-length", &size.to_string())?
            .with("docker-content-digest", &digest.to_string())?;
        ensure(response.body.is_empty(), response.complaint("has a body"))?;
        Ok(response)
    }

    /// The body as JSON.
    pub fn json(&self) -> Check<Value> {
        serde_json::from_slice(&self.body)
            .map_err(|error| self.complaint(format!("is not JSON: {error}")).into())
    }

    /// Fails unless it is an error of this status, in the form of the specification, and its first
    /// code is one of these.
    pub fn error(self, status: u16, codes: &[&str]) -> Check<Self> {
        let response = self.status(&[status])?;
        let content_type = response.needs("content-type")?;
        ensure(
            content_type.starts_with("application/json"),
            response.complaint(format!("is an error of type {content_type}")),
        )?;
        let body = response.json()?;
        let code = body["errors"][0]["code"].as_str().unwrap_or_default();
        ensure(
            codes.contains(&code),
            response.complaint(format!("has the error {code:?}, not {codes:?}: {body}")),
        )?;
        ensure(
            body["errors"][0]["message"].as_str().is_some_and(|message| !message.is_empty()),
            response.complaint("is an error without a message"),
        )?;
        Ok(response)
    }

    /// The strings of a list in the body.
    pub fn strings(&self, key: &str) -> Check<Vec<String>> {
        let body = self.json()?;
        let list = body[key].as_array();
        let list = list.ok_or_else(|| self.complaint(format!("has no list {key}: {body}")))?;
        let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
        texts
            .collect::<Option<_>>()
            .ok_or_else(|| self.complaint(format!("has a list of other things: {body}")).into())
    }

    /// The target of `Link: <…>; rel="next"`, `None` without one.
    pub fn next(&self) -> Check<Option<String>> {
        let Some(link) = self.header("link") else { return Ok(None) };
        let target = link.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        match target {
            Some((target, rel)) if rel.contains("rel=\"next\"") => Ok(Some(target.to_owned())),
            _ => Err(self.complaint(format!("has the Link {link:?}")).into()),
        }
    }

    /// Fails unless the `Range` of an upload says that so many bytes are there. An empty upload and
    /// one of a single byte look the same.
    pub fn stands_at(self, size: u64) -> Check<Self> {
        let last = size.saturating_sub(1);
        self.with("range", &format!("0-{last}"))
    }

    /// Says what is wrong with it.
    pub(super) fn complaint(&self, problem: impl std::fmt::Display) -> String {
        format!("{}: the answer {problem}", self.request)
    }
}

type Head<'a> = (u16, Vec<(String, String)>, &'a [u8]);

fn parse_head(answer: &[u8]) -> Check<Head<'_>> {
    const END: &[u8] = b"\r\n\r\n";
    let end = answer.windows(END.len()).position(|window| window == END);
    let end = end.ok_or_else(|| format!("no answer, only {} bytes", answer.len()))?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| "the header is not UTF-8")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| format!("not HTTP: {head:?}"))?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Option<Vec<_>> = lines.map(header).collect();
    let headers = headers.ok_or_else(|| format!("not HTTP: {head:?}"))?;
    for name in ["content-length", "content-type", "docker-content-digest", "location"] {
        same(name, headers.iter().filter(|(key, _)| key == name).count().max(1), 1)?;
    }
    Ok((status, headers, &answer[end + END.len()..]))
}

fn unchunk(mut rest: &[u8]) -> Check<(Bytes, &[u8])> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n");
        let end = end.ok_or("a chunked body without its end")?;
        let size = std::str::from_utf8(&rest[..end]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let size = size.ok_or("a chunk without a size")?;
        let tail = &rest[end + 2..];
        let chunk = tail.get(..size).ok_or("a chunk without its end")?;
        let tail = tail[size..].strip_prefix(b"\r\n").ok_or("a chunk without its end")?;
        body.extend_from_slice(chunk);
        rest = tail;
        if size == 0 {
            return Ok((body.into(), rest));
        }
    }
}

#[cfg(test)]
mod tests;
