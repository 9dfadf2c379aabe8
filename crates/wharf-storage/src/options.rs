//! What an operator chooses about a local registry.

use std::{fmt, sync::Arc};

use wharf_core::{BlobDescriptorCache, Switch};
use wharf_manifest::Schemas;

/// How a local registry behaves. The default is what distribution does with an empty configuration:
/// nothing can be deleted.
#[derive(Clone)]
pub struct Options {
    /// Blobs, manifests and tags can be deleted.
    pub delete: bool,
    /// Nothing can be written, as long as this is on.
    pub read_only: Switch,
    /// Clients are sent to the backend for blobs, where it can serve them itself.
    pub redirect: bool,
    /// Hash states are saved with the sessions, so that no upload is ever read back for its
    /// running algorithm.
    pub resumable_digest: bool,
    /// Where descriptors are remembered.
    pub cache: Option<Arc<dyn BlobDescriptorCache>>,
    /// How many bytes of manifests that were read stay in memory; 0 for none.
    pub manifest_memory: u64,
    /// How many upload sessions a repository may have; `None` for as many as are begun.
    pub uploads: Option<usize>,
    /// The manifest types that are known.
    pub schemas: Schemas,
    /// Which manifests are taken.
    pub manifests: ManifestPolicy,
}

/// Which manifests are taken.
#[derive(Clone, Debug)]
pub struct ManifestPolicy {
    /// The largest manifest, in bytes.
    pub max_bytes: u64,
    /// Neither URLs nor the children of an index are checked (`validation.disabled`).
    pub disabled: bool,
    /// Images may refer to layers that are not there.
    pub sparse: bool,
    /// Which children of an index have to be there.
    pub platforms: Platforms,
    /// Which URLs a layer may name; `None` takes them all.
    pub urls: Option<UrlPolicy>,
}

/// Which children of an index have to be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Platforms {
    /// Every one.
    #[default]
    All,
    /// None of them.
    None,
    /// Those of one of these platforms.
    List(Vec<PlatformFilter>),
}

/// A platform whose manifests have to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformFilter {
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `linux`, `windows`, …
    pub os: String,
}

/// Which URLs a layer may name (`validation.manifests.urls`). Whoever sets it up compiles the
/// patterns.
#[derive(Clone, Default)]
pub struct UrlPolicy {
    /// A URL has to match one of these; with none of them, and `deny` given, everything does.
    pub allow: Vec<UrlPattern>,
    /// A URL may match none of these.
    pub deny: Vec<UrlPattern>,
}

/// Whether a URL matches.
pub type UrlPattern = Arc<dyn Fn(&str) -> bool + Send + Sync>;

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            delete: false,
            read_only: Switch::default(),
            redirect: true,
            resumable_digest: true,
            cache: None,
            manifest_memory: 32 << 20,
            uploads: Some(10_000),
            schemas: Schemas::default(),
            manifests: ManifestPolicy::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("delete", &self.delete)
            .field("read_only", &self.read_only)
            .field("redirect", &self.redirect)
            .field("resumable_digest", &self.resumable_digest)
            .field("cache", &self.cache.is_some())
            .field("manifest_memory", &self.manifest_memory)
            .field("uploads", &self.uploads)
            .field("manifests", &self.manifests)
            .finish_non_exhaustive()
    }
}

// === impl UrlPolicy ===

impl UrlPolicy {
    /// Whether a layer may name this URL. As in the original, a policy without any pattern allows
    /// nothing.
    pub fn allows(&self, url: &str) -> bool {
        let matches = |patterns: &[UrlPattern]| patterns.iter().any(|pattern| pattern(url));
        let allowed = match self.allow.is_empty() {
            true => !self.deny.is_empty(),
            false => matches(&self.allow),
        };
        allowed && !matches(&self.deny)
    }
}

impl fmt::Debug for UrlPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlPolicy")
            .field("allow", &self.allow.len())
            .field("deny", &self.deny.len())
            .finish()
    }
}

// === impl ManifestPolicy ===

impl Default for ManifestPolicy {
    fn default() -> Self {
        Self {
            max_bytes: 4 << 20,
            disabled: false,
            sparse: false,
            platforms: Platforms::default(),
            urls: None,
        }
    }
}
