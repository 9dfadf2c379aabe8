//! The registry under test, and the steps that scenarios share.

use bytes::Bytes;
use serde_json::{Value, json};
use wharf_digest::Digest;

use super::{Check, Options, Request, Response, Stop, client};

/// The registry under test, as one scenario sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    /// `host:port`
    address: String,
    /// The path below which the API is served, without a slash at its end.
    prefix: String,
    options: Options,
    /// A word that is this scenario's alone.
    id: String,
}

/// Content and its digest.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub(super) digest: Digest,
    pub(super) bytes: Bytes,
}

/// A manifest and its digest.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) bytes: Bytes,
}

/// The media type of an image manifest.
pub(super) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an image index.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of docker's image manifest.
pub(super) const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of docker's manifest list.
pub(super) const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The media type of an image's configuration.
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of a layer.
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

// === impl Registry ===

impl Registry {
    pub(super) fn new(base_url: &str, options: &Options, id: String) -> Check<Self> {
        let rest = base_url.strip_prefix("http://");
        let rest = rest.ok_or_else(|| Stop::skip(format!("{base_url} is not an http:// URL")))?;
        let (host, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Ok(Self {
            address: with_port(host),
            prefix: prefix.trim_end_matches('/').to_owned(),
            options: options.clone(),
            id,
        })
    }

    /// What the registry is supposed to do.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The name of a repository that is this scenario's alone.
    pub fn repository(&self, word: &str) -> String {
        format!("wharf-scenarios/{}/{word}", self.id)
    }

    /// Bytes that are this scenario's alone.
    pub(super) fn bytes(&self, word: &str, len: usize) -> Bytes {
        let seed = Digest::sha256(format!("{} {word}", self.id).as_bytes());
        let mut state = u64::from_le_bytes(seed.as_bytes()[..8].try_into().expect("8 bytes")) | 1;
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            // xorshift64: no two seeds give the same bytes, and none are compressible.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(len);
        bytes.into()
    }

    /// Content that is this scenario's alone.
    pub(super) fn blob(&self, word: &str, len: usize) -> Blob {
        Blob::new(self.bytes(word, len))
    }

    /// A request for a path of the API, or for a URL that the registry gave out.
    pub fn request(&self, method: &str, target: &str) -> Request {
        let (address, path) = match target.strip_prefix("http://") {
            Some(rest) => {
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (with_port(host), path.to_owned())
            }
            // A relative Location has the prefix already.
            None if !self.prefix.is_empty() && target.starts_with(&self.prefix) => {
                (self.address.clone(), target.to_owned())
            }
            None => (self.address.clone(), format!("{}{target}", self.prefix)),
        };
        Request::new(self, method, address, path)
    }

    /// Reads a path, accepting what clients accept.
    pub(super) async fn get(&self, target: &str) -> Check<Response> {
        self.read("GET", target).send().await
    }

    /// Reads a path's headers, accepting what clients accept.
    pub(super) async fn head(&self, target: &str) -> Check<Response> {
        self.read("HEAD", target).send().await
    }

    fn read(&self, method: &str, target: &str) -> Request {
        let request = self.request(method, target);
        if !target.contains("/manifests/") {
            return request;
        }
        // Two lines, as the official suite sends them.
        request.header("accept", INDEX).header("accept", format!("{IMAGE}, {DOCKER}, {LIST}"))
    }

    /// Deletes a path.
    pub(super) async fn delete(&self, target: &str) -> Check<Response> {
        self.request("DELETE", target).send().await
    }

    /// Sends bytes as they are, and reads until the connection is closed.
    pub(super) async fn raw(&self, text: impl Into<Bytes>) -> Check<Vec<u8>> {
        client::send_raw(&self.address, text).await
    }

    /// The path of the API as it stands in a request line.
    pub(super) fn raw_path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Begins an upload, and returns where it is.
    pub(super) async fn begin(&self, repository: &str) -> Check<String> {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let response = self.request("POST", &path).send().await?.status(&[202])?;
        Ok(response.needs("location")?.to_owned())
    }

    /// Appends a chunk to an upload.
    pub(super) fn patch(&self, location: &str, first: usize, bytes: Bytes) -> Request {
        let last = first + bytes.len() - 1;
        self.request("PATCH", location)
            .header("content-type", "application/octet-stream")
            .header("content-range", format!("{first}-{last}"))
            .body(bytes)
    }

    /// Pushes a blob.
    pub(super) async fn push(&self, repository: &str, blob: &Blob) -> Check {
        let location = self.begin(repository).await?;
        let commit = self.request("PUT", &location).query("digest", blob.digest);
        commit.body(blob.bytes.clone()).send().await?.status(&[201])?;
        Ok(())
    }

    /// Pushes a blob of these bytes, and returns its descriptor.
    pub(super) async fn push_as(
        &self,
        repository: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Check<Value> {
        let blob = Blob::new(bytes.into());
        self.push(repository, &blob).await?;
        Ok(blob.descriptor(media_type))
    }

    /// Pushes configuration and layer of a small image, and returns its manifest.
    pub(super) async fn image(&self, repository: &str, word: &str) -> Check<Manifest> {
        self.image_with(repository, word, json!({})).await
    }

    /// Like [`Registry::image`], with these keys besides or instead.
    pub(super) async fn image_with(
        &self,
        repository: &str,
        word: &str,
        keys: Value,
    ) -> Check<Manifest> {
        let config =
            format!(r#"{{"architecture":"amd64","os":"linux","word":"{word} {}"}}"#, self.id);
        let config = self.push_as(repository, CONFIG, config).await?;
        let layer = self.push_as(repository, LAYER, self.bytes(word, 700)).await?;
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer],
        });
        merge(&mut manifest, keys);
        Ok(Manifest::new(&manifest))
    }

    /// Pushes a manifest to a tag or digest.
    pub(super) async fn put(
        &self,
        repository: &str,
        reference: impl std::fmt::Display,
        manifest: &Manifest,
    ) -> Check<Response> {
        self.put_request(repository, reference, manifest).send().await
    }

    /// The request that pushes a manifest.
    pub(super) fn put_request(
        &self,
        repository: &str,
        reference: impl std::fmt::Display,
        manifest: &Manifest,
    ) -> Request {
        self.request("PUT", &format!("/v2/{repository}/manifests/{reference}"))
            .header("content-type", &*manifest.media_type)
            .body(manifest.bytes.clone())
    }

    /// Pushes a small image under a tag, and returns its manifest.
    pub(super) async fn tagged_image(&self, repository: &str, tag: &str) -> Check<Manifest> {
        let manifest = self.image(repository, tag).await?;
        self.put(repository, tag, &manifest).await?.status(&[201])?;
        Ok(manifest)
    }

    /// Skips unless the registry deletes.
    pub(super) fn needs_deletes(&self) -> Check {
        if self.options.deletes { Ok(()) } else { Err(Stop::skip("deletes are off")) }
    }
}

// === impl Blob ===

impl Blob {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { digest: Digest::sha256(&bytes), bytes }
    }

    pub(super) fn descriptor(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest.to_string(), "size": self.bytes.len() })
    }
}

// === impl Manifest ===

impl Manifest {
    /// A manifest of the type that its `mediaType` says.
    pub(super) fn new(value: &Value) -> Self {
        let media_type = value["mediaType"].as_str().unwrap_or(IMAGE).to_owned();
        Self::raw(&media_type, value.to_string())
    }

    /// Anything, as a manifest.
    pub(super) fn raw(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { media_type: media_type.into(), digest: Digest::sha256(&bytes), bytes }
    }

    /// An index of these manifests.
    pub(super) fn index(children: &[Value], keys: Value) -> Self {
        let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children });
        merge(&mut index, keys);
        Self::new(&index)
    }

    pub(super) fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": self.digest.to_string(),
            "size": self.bytes.len(),
        })
    }
}

fn merge(object: &mut Value, keys: Value) {
    if let (Value::Object(object), Value::Object(keys)) = (object, keys) {
        object.extend(keys);
    }
}

fn with_port(host: &str) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if has_port { host.to_owned() } else { format!("{host}:80") }
}
