//! As much of Google Cloud Storage as a registry uses, in memory: the XML API with its conditions,
//! ranges, lists and multipart uploads, and `compose` of the JSON API.
//!
//! It is written after Google's documentation, and cannot tell what Google does. It serves because the
//! emulators there are lack conditions and multipart uploads, or the XML API.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Mutex};

use crate::double::{Double, Request, Response, decode};

mod answers;
mod listing;

use answers::{error, found};

/// A bucket of any name.
#[derive(Debug, Default)]
pub struct Gcs {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// The parts of uploads, by their ids.
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Counts objects and uploads.
    generation: u64,
}

#[derive(Clone, Debug)]
struct Object {
    content: Vec<u8>,
    generation: u64,
}

// === impl Gcs ===

impl Gcs {
    /// Serves an empty bucket on a free port of the loopback interface.
    pub fn start() -> io::Result<Double> {
        Self::listen("127.0.0.1:0".parse().expect("an address"))
    }

    /// Serves an empty bucket at this address.
    pub fn listen(address: SocketAddr) -> io::Result<Double> {
        let gcs = Self::default();
        Double::listen(address, move |request| gcs.answer(request))
    }

    fn answer(&self, request: &Request) -> Response {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let path = request.path.trim_start_matches('/');
        if let Some(object) = path.strip_prefix("storage/v1/b/") {
            return state.json(request, object);
        }
        let Some((_, key)) = path.split_once('/').filter(|(_, key)| !key.is_empty()) else {
            return listing::list(&state.objects, request);
        };
        let key = decode(key);
        match (request.method.as_str(), request.query("uploadId")) {
            ("POST", None) => state.begin(),
            ("POST", Some(upload)) => state.complete(request, &key, upload),
            ("PUT", Some(upload)) => state.part(request, upload),
            ("DELETE", Some(upload)) => state.abort(upload),
            ("PUT", None) => state.put(request, &key),
            ("DELETE", None) => state.delete(&key),
            ("GET" | "HEAD", _) => match state.objects.get(&key) {
                Some(object) => found(request, object),
                None => error(404, "NoSuchKey"),
            },
            _ => error(405, "MethodNotAllowed"),
        }
    }
}

// === impl State ===

impl State {
    fn put(&mut self, request: &Request, key: &str) -> Response {
        let content = match request.header("x-goog-copy-source") {
            None => request.body.clone(),
            Some(source) => {
                let source = source.trim_start_matches('/').split_once('/');
                let source = source.map(|(_, key)| decode(key)).unwrap_or_default();
                match self.objects.get(&source) {
                    Some(object) => object.content.clone(),
                    None => return error(404, "NoSuchKey"),
                }
            }
        };
        if !self.allows(request, key) {
            return error(412, "PreconditionFailed");
        }
        let object = self.store(key, content);
        let tag = object.tag();
        let body = format!("<CopyObjectResult><ETag>{tag}</ETag></CopyObjectResult>");
        Response::of(200).with("ETag", tag).with("x-goog-generation", object.generation).body(body)
    }

    /// Generation 0 is that of what is not there.
    fn allows(&self, request: &Request, key: &str) -> bool {
        let wanted = request.header("x-goog-if-generation-match");
        let generation = self.objects.get(key).map_or(0, |object| object.generation);
        wanted.is_none_or(|wanted| wanted == generation.to_string())
    }

    fn store(&mut self, key: &str, content: Vec<u8>) -> Object {
        self.generation += 1;
        let object = Object { content, generation: self.generation };
        self.objects.insert(key.to_owned(), object.clone());
        object
    }

    fn delete(&mut self, key: &str) -> Response {
        match self.objects.remove(key) {
            Some(_) => Response::of(204),
            None => error(404, "NoSuchKey"),
        }
    }

    fn begin(&mut self) -> Response {
        self.generation += 1;
        let id = format!("upload-{}", self.generation);
        self.uploads.insert(id.clone(), BTreeMap::new());
        Response::of(200).body(format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ))
    }

    fn part(&mut self, request: &Request, upload: &str) -> Response {
        let number = request.query("partNumber").and_then(|number| number.parse().ok());
        match (self.uploads.get_mut(upload), number) {
            (Some(parts), Some(number)) => {
                parts.insert(number, request.body.clone());
                Response::of(200).with("ETag", format!("\"part-{number}\""))
            }
            _ => error(404, "NoSuchUpload"),
        }
    }

    fn complete(&mut self, request: &Request, key: &str, upload: &str) -> Response {
        if !self.allows(request, key) {
            return error(412, "PreconditionFailed");
        }
        let Some(parts) = self.uploads.remove(upload) else { return error(404, "NoSuchUpload") };
        let object = self.store(key, parts.into_values().flatten().collect());
        let tag = object.tag();
        Response::of(200).with("x-goog-generation", object.generation).body(format!(
            "<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        ))
    }

    fn abort(&mut self, upload: &str) -> Response {
        match self.uploads.remove(upload) {
            Some(_) => Response::of(204),
            None => error(404, "NoSuchUpload"),
        }
    }

    /// `POST …/o/<target>/compose`.
    fn json(&mut self, request: &Request, path: &str) -> Response {
        let target = path.split_once("/o/").and_then(|(_, path)| path.strip_suffix("/compose"));
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let sources = body["sourceObjects"].as_array().cloned().unwrap_or_default();
        let (Some(target), 1..=32) = (target, sources.len()) else {
            return error(400, "InvalidArgument");
        };
        let mut content = Vec::new();
        for source in &sources {
            match self.objects.get(source["name"].as_str().unwrap_or_default()) {
                Some(object) => content.extend_from_slice(&object.content),
                None => return error(404, "NoSuchKey"),
            }
        }
        let object = self.store(&decode(target), content);
        Response::of(200).body(format!("{{\"generation\":\"{}\"}}", object.generation))
    }
}

// === impl Object ===

impl Object {
    fn tag(&self) -> String {
        format!("\"{}\"", self.generation)
    }
}
