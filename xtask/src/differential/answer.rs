//! An answer without what has to differ: addresses, identifiers and states of uploads, boundaries, dates.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::Value;
use wharf_testkit::raw::Response;

/// What a client may rely on.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Body,
}

#[derive(Debug, PartialEq)]
enum Body {
    Bytes(String),
    /// The codes, messages and details of errors.
    Errors {
        codes: String,
        messages: String,
        details: String,
    },
    Json(Value),
}

/// What is not the same in two answers.
pub(super) struct Difference {
    /// `status`, `codes`, `messages`, `details`, `body`, or the name of a header.
    pub(super) aspect: String,
    pub(super) theirs: String,
    pub(super) ours: String,
}

const ABSENT: &str = "(none)";

// === impl Answer ===

impl Answer {
    pub(super) fn new(response: &Response, address: SocketAddr) -> Self {
        let mut headers = BTreeMap::new();
        let boundary = response.header("content-type").and_then(|t| t.split_once("boundary="));
        let boundary = boundary.map_or("no boundary", |(_, boundary)| boundary);
        for (name, value) in &response.headers {
            let name = name.to_ascii_lowercase();
            let value = &value.replace(boundary, "BOUNDARY");
            let value = match name.as_str() {
                "date" => continue,
                "docker-upload-uuid" => "UUID".to_owned(),
                "location" => location(value, address),
                _ => value.clone(),
            };
            let values: &mut String = headers.entry(name).or_default();
            let comma = if values.is_empty() { "" } else { ", " };
            values.push_str(&format!("{comma}{value}"));
        }
        Self { status: response.status, headers, body: Body::new(&response.body, boundary) }
    }

    /// How another answer differs. Where the statuses do, there is no point in the rest.
    pub(super) fn differences(&self, ours: &Self) -> Vec<Difference> {
        if self.status != ours.status {
            return vec![Difference::new("status", self.summary(), ours.summary())];
        }
        let mut found = Vec::new();
        let mut names: Vec<&String> = self.headers.keys().chain(ours.headers.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            // The length goes with the body, and that of an error with its words, even for HEAD.
            let is_worded = self.status >= 400 || self.body != ours.body;
            if self.headers.get(name) == ours.headers.get(name)
                || (name == "content-length" && is_worded)
            {
                continue;
            }
            let value =
                |answer: &Self| answer.headers.get(name).map_or(ABSENT, String::as_str).to_owned();
            found.push(Difference::new(name, value(self), value(ours)));
        }
        found.extend(self.body.differences(&ours.body));
        found
    }

    fn summary(&self) -> String {
        match &self.body {
            Body::Errors { codes, .. } => format!("{} {codes}", self.status),
            _ => self.status.to_string(),
        }
    }
}

/// A location with `HOST` for the server, and `UPLOAD` for an upload and its state.
fn location(value: &str, address: SocketAddr) -> String {
    let value = value.replace(&address.to_string(), "HOST");
    match value.split_once("/blobs/uploads/") {
        Some((before, upload)) if !upload.is_empty() => format!("{before}/blobs/uploads/UPLOAD"),
        _ => value,
    }
}

// === impl Body ===

impl Body {
    fn new(bytes: &[u8], boundary: &str) -> Self {
        let text = || Self::Bytes(String::from_utf8_lossy(bytes).replace(boundary, "BOUNDARY"));
        let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return text() };
        let Some(errors) = json.get("errors").and_then(Value::as_array) else {
            // A manifest is its bytes.
            return if json.get("schemaVersion").is_some() { text() } else { Self::Json(json) };
        };
        let all = |key: &str| {
            let values = errors.iter().map(|error| error.get(key).unwrap_or(&Value::Null));
            values
                .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(", ")
        };
        Self::Errors { codes: all("code"), messages: all("message"), details: all("detail") }
    }

    fn differences(&self, ours: &Self) -> Vec<Difference> {
        match (self, ours) {
            _ if self == ours => vec![],
            (
                Self::Errors { codes, messages, details },
                Self::Errors { codes: our_codes, messages: our_messages, details: our_details },
            ) => {
                let aspects = [
                    ("codes", codes, our_codes),
                    ("messages", messages, our_messages),
                    ("details", details, our_details),
                ];
                let differs = aspects.into_iter().filter(|(_, theirs, ours)| theirs != ours);
                differs
                    .map(|(aspect, theirs, ours)| {
                        Difference::new(aspect, theirs.clone(), ours.clone())
                    })
                    .collect()
            }
            _ => vec![Difference::new("body", self.show(), ours.show())],
        }
    }

    fn show(&self) -> String {
        const LONGEST: usize = 200;
        let text = match self {
            Self::Bytes(text) => text.trim_end().to_owned(),
            Self::Json(json) => json.to_string(),
            Self::Errors { codes, .. } => codes.clone(),
        };
        text.chars().take(LONGEST).collect()
    }
}

// === impl Difference ===

impl Difference {
    fn new(aspect: &str, theirs: String, ours: String) -> Self {
        Self { aspect: aspect.to_owned(), theirs, ours }
    }
}
