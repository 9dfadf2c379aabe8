//! `cargo xtask store-fixture`: a large store, as distribution writes it, for commands that have to
//! walk all of it.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use wharf_digest::Digest;

use crate::Outcome;

/// Write a store with many small blobs, images of them, and some garbage.
///
/// Layers are empty files that bear the name of a digest, unless they are to have bytes, so that a store
/// of a million blobs needs folders and links only; manifests and configurations are real.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where; must not exist
    folder: PathBuf,
    /// How many blobs are referenced, manifests and configurations included
    #[arg(long, default_value_t = 1_000_000)]
    blobs: u64,
    /// How many of them are manifests
    #[arg(long, default_value_t = 100_000)]
    manifests: u64,
    /// How many repositories share them
    #[arg(long, default_value_t = 1_000)]
    repositories: u64,
    /// How many blobs nothing refers to, for every hundred that something does
    #[arg(long, default_value_t = 1)]
    garbage: u64,
    /// How many bytes a layer has; then it is as its digest says
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    layer_size: usize,
}

/// What is written below.
struct Store {
    root: PathBuf,
    layers: u64,
    layer_size: usize,
}

/// Everything is older than any grace period.
const AGE: Duration = Duration::from_secs(48 * 60 * 60);

// === impl Args ===

impl Args {
    /// A store with so many blobs, a tenth of them manifests.
    pub(crate) fn many(folder: PathBuf, blobs: u64) -> Self {
        let (manifests, repositories) = (blobs / 10, (blobs / 1000).max(1));
        Self { folder, blobs, manifests, repositories, garbage: 1, layer_size: 0 }
    }

    /// A store with so many layers of real bytes.
    pub(crate) fn full(folder: PathBuf, layers: u64, layer_size: usize) -> Self {
        let manifests = (layers / 8).max(1);
        let blobs = layers + 2 * manifests;
        Self { folder, blobs, manifests, repositories: 4, garbage: 0, layer_size }
    }
}

/// Writes the store.
pub(crate) fn run(args: &Args) -> Outcome {
    if args.folder.exists() {
        return Err(format!("{} exists", args.folder.display()).into());
    }
    let layers = (args.blobs / args.manifests.max(1)).saturating_sub(2);
    let root = args.folder.join("docker/registry/v2");
    let store = Store { root, layers, layer_size: args.layer_size };
    let workers = thread::available_parallelism()?.get() as u64;
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers)
            .map(|worker| {
                let store = &store;
                scope.spawn(move || -> Outcome {
                    for number in (worker..args.manifests).step_by(workers as usize) {
                        store.image(number, number % args.repositories.max(1))?;
                    }
                    let garbage = args.blobs * args.garbage / 100;
                    for number in (worker..garbage).step_by(workers as usize) {
                        store.layer(&format!("garbage {number}"))?;
                    }
                    Ok(())
                })
            })
            .collect();
        for worker in running {
            worker.join().map_err(|_| "a worker panicked")??;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    })?;
    println!(
        "{}: {} manifests with a configuration and {layers} layers each, in {} repositories",
        args.folder.display(),
        args.manifests,
        args.repositories
    );
    Ok(())
}

// === impl Store ===

impl Store {
    /// One image with a tag of its own.
    fn image(&self, number: u64, repository: u64) -> Outcome {
        let folder =
            self.root.join(format!("repositories/project-{}/app-{repository}", repository % 16));
        let config = format!("{{\"number\":{number}}}");
        let config_digest = self.blob(config.as_bytes())?;
        link(&folder.join("_layers"), &config_digest)?;
        let mut layers = Vec::new();
        for layer in 0..self.layers {
            let digest = self.layer(&format!("layer {layer} of {number}"))?;
            link(&folder.join("_layers"), &digest)?;
            layers.push(format!(
                r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{digest}","size":{}}}"#,
                self.layer_size
            ));
        }
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config_digest}","size":{}}},"layers":[{}]}}"#,
            config.len(),
            layers.join(",")
        );
        let digest = self.blob(manifest.as_bytes())?;
        let manifests = folder.join("_manifests");
        let tag = manifests.join(format!("tags/v{number}"));
        link(&manifests.join("revisions"), &digest)?;
        link(&tag.join("index"), &digest)?;
        file(&tag.join("current/link"), digest.to_string().as_bytes())
    }

    /// A blob of these bytes.
    fn blob(&self, bytes: &[u8]) -> Outcome<Digest> {
        let digest = Digest::sha256(bytes);
        file(&self.data(&digest), bytes)?;
        Ok(digest)
    }

    /// A blob of bytes that no other one has; without bytes, by the name of others.
    fn layer(&self, name: &str) -> Outcome<Digest> {
        if self.layer_size > 0 {
            let mut bytes = name.as_bytes().repeat(self.layer_size / name.len() + 1);
            bytes.truncate(self.layer_size);
            return self.blob(&bytes);
        }
        let digest = Digest::sha256(name.as_bytes());
        file(&self.data(&digest), b"")?;
        Ok(digest)
    }

    fn data(&self, digest: &Digest) -> PathBuf {
        let hex = digest.encoded();
        self.root.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]))
    }
}

fn link(folder: &Path, digest: &Digest) -> Outcome {
    let path = folder.join(digest.algorithm().name()).join(digest.encoded()).join("link");
    file(&path, digest.to_string().as_bytes())
}

fn file(path: &Path, bytes: &[u8]) -> Outcome {
    fs::create_dir_all(path.parent().ok_or("a file lies in a folder")?)?;
    fs::write(path, bytes)?;
    let old = SystemTime::now() - AGE;
    fs::File::options().write(true).open(path)?.set_modified(old)?;
    Ok(())
}
