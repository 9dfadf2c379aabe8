//! The registry as the tests see it without any client: content is put there, and looked at.

use std::fs::File;
use std::io::{Seek, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::Value;
use wharf_testkit::raw::{Client, Response};

use super::layout::{self, Layout, TAG, diff_ids, digest_of, list, media};
use crate::Outcome;

/// Every type of manifest that a tag may point to.
const MANIFESTS: &str = concat!(
    "application/vnd.oci.image.manifest.v1+json, ",
    "application/vnd.oci.image.index.v1+json, ",
    "application/vnd.docker.distribution.manifest.v2+json"
);

/// A repository, spoken to over a connection of its own.
pub(crate) struct Repository {
    client: Client,
    name: String,
}

// === impl Repository ===

impl Repository {
    pub(crate) fn new(address: SocketAddr, name: &str) -> Self {
        Self { client: Client::new(address), name: name.to_owned() }
    }

    /// Pushes a fixture, so that clients have something to pull that they did not push.
    pub(crate) fn seed(&mut self, layout: &Layout) -> Outcome {
        let contents = layout.contents()?;
        for digest in &contents.blobs {
            self.push_blob(digest, &layout.read(digest)?)?;
        }
        for (digest, media_type) in &contents.manifests {
            self.push_manifest(digest, media_type, &layout.read(digest)?)?;
            if *digest == layout.root()? {
                self.push_manifest(TAG, media_type, &layout.read(digest)?)?;
            }
        }
        Ok(())
    }

    /// Fails unless all of a fixture is there, byte for byte, and its referrers are listed.
    pub(crate) fn holds(&mut self, layout: &Layout) -> Outcome {
        let contents = layout.contents()?;
        for digest in &contents.blobs {
            let blob = self.get(&format!("blobs/{digest}"), "*/*")?;
            same(digest, &blob.body, &layout.read(digest)?)?;
        }
        for (digest, media_type) in &contents.manifests {
            let stored = layout.read(digest)?;
            let manifest = self.get(&format!("manifests/{digest}"), media_type)?;
            same(digest, &manifest.body, &stored)?;
            self.lists(digest, &serde_json::from_slice(&stored)?)?;
        }
        let tagged = self.get(&format!("manifests/{TAG}"), MANIFESTS)?;
        same(TAG, &tagged.body, &layout.read(&layout.root()?)?)
    }

    /// Fails unless the image there has the same layers as a fixture, whatever their compression.
    pub(crate) fn unpacks_to(&mut self, layout: &Layout) -> Outcome {
        let manifest: Value =
            serde_json::from_slice(&self.get(&format!("manifests/{TAG}"), MANIFESTS)?.body)?;
        let expected = diff_ids(&layout.config()?);
        let mut found = Vec::new();
        for layer in list(&manifest, "layers") {
            let digest = layout::digest(layer).ok_or("a layer without a digest")?;
            found.push(unpacked(&self.get(&format!("blobs/{digest}"), "*/*")?.body)?);
        }
        match found == expected {
            true => Ok(()),
            false => Err(format!("layers {found:?} instead of {expected:?}").into()),
        }
    }

    /// A manifest with a subject has to be among the referrers of it.
    fn lists(&mut self, digest: &str, manifest: &Value) -> Outcome {
        let Some(subject) = manifest["subject"]["digest"].as_str() else { return Ok(()) };
        let referrers = self.get(&format!("referrers/{subject}"), media::INDEX)?;
        let referrers: Value = serde_json::from_slice(&referrers.body)?;
        match list(&referrers, "manifests").iter().any(|referrer| referrer["digest"] == digest) {
            true => Ok(()),
            false => Err(format!("{digest} is not among the referrers of {subject}").into()),
        }
    }

    fn push_blob(&mut self, digest: &str, bytes: &[u8]) -> Outcome {
        let start = self.send("POST", "blobs/uploads/", &[], &[])?;
        let location = start.header("location").ok_or("an upload without a location")?;
        let path = location.find("/v2/").map_or(location, |from| &location[from..]);
        let sign = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sign}digest={digest}");
        let kind = [("Content-Type", "application/octet-stream")];
        succeeded("PUT", &path, self.client.request("PUT", &path, &kind, bytes)?).map(drop)
    }

    fn push_manifest(&mut self, reference: &str, media_type: &str, bytes: &[u8]) -> Outcome {
        let kind = [("Content-Type", media_type)];
        self.send("PUT", &format!("manifests/{reference}"), &kind, bytes).map(drop)
    }

    fn get(&mut self, path: &str, accept: &str) -> Outcome<Response> {
        self.send("GET", path, &[("Accept", accept)], &[])
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Outcome<Response> {
        let path = format!("/v2/{}/{path}", self.name);
        let response = self.client.request(method, &path, headers, body);
        succeeded(method, &path, response.map_err(|error| format!("{method} {path}: {error}"))?)
    }
}

fn succeeded(method: &str, path: &str, response: Response) -> Outcome<Response> {
    match response.status {
        200..300 => Ok(response),
        status => {
            let body = String::from_utf8_lossy(&response.body);
            Err(format!("{method} {path}: {status} {}", body.trim()).into())
        }
    }
}

fn same(what: &str, found: &[u8], expected: &[u8]) -> Outcome {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: {} bytes differ from what was pushed", found.len()).into()),
    }
}

/// The digest of a layer as it is uncompressed.
fn unpacked(layer: &[u8]) -> Outcome<String> {
    if !layer.starts_with(&[0x1f, 0x8b]) {
        return digest_of(layer);
    }
    let mut file: File = tempfile::tempfile()?;
    file.write_all(layer)?;
    file.rewind()?;
    let mut gzip = Command::new("gzip").arg("-dc").stdin(file).stdout(Stdio::piped()).spawn()?;
    let digest = digest_of(gzip.stdout.take().ok_or("gzip has no output")?)?;
    match gzip.wait()?.success() {
        true => Ok(digest),
        false => Err("a layer that gzip does not unpack".into()),
    }
}
