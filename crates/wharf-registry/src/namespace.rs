//! A registry without HTTP.

use std::sync::Arc;

use wharf_core::{BlobDescriptorCache, Namespace, Switch};
use wharf_driver::Driver;
use wharf_manifest::Schemas;
use wharf_storage::{ManifestPolicy, Options, StorageNamespace};

/// Builds a [`Namespace`] over a storage driver, with the options of the original.
///
/// ```
/// use std::sync::Arc;
///
/// use wharf_registry::{NamespaceBuilder, driver::MemoryDriver, storage::ManifestPolicy};
///
/// let namespace = NamespaceBuilder::new(Arc::new(MemoryDriver::new()))
///     .delete(true)
///     .redirect(false)
///     .manifests(ManifestPolicy { sparse: true, ..ManifestPolicy::default() })
///     .build();
/// assert!(namespace.repository_enumerator().is_some());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before it builds"]
pub struct NamespaceBuilder {
    driver: Arc<dyn Driver>,
    options: Options,
}

// === impl NamespaceBuilder ===

impl NamespaceBuilder {
    /// A registry over this driver: nothing can be deleted, nothing is cached, every reference of a
    /// manifest is checked.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self::with_options(driver, Options::default())
    }

    /// A registry over this driver, with these options to begin with.
    pub fn with_options(driver: Arc<dyn Driver>, options: Options) -> Self {
        Self { driver, options }
    }

    /// Whether blobs, manifests, tags and repositories can be deleted.
    pub fn delete(mut self, enabled: bool) -> Self {
        self.options.delete = enabled;
        self
    }

    /// Whether clients may be sent to the store itself, where it has URLs.
    pub fn redirect(mut self, enabled: bool) -> Self {
        self.options.redirect = enabled;
        self
    }

    /// Whether the state of a digest is kept with its upload; without it, an upload that is taken up
    /// again is read back.
    pub fn resumable_digest(mut self, enabled: bool) -> Self {
        self.options.resumable_digest = enabled;
        self
    }

    /// Remembers size and type of blobs.
    pub fn descriptor_cache(mut self, cache: Arc<dyn BlobDescriptorCache>) -> Self {
        self.options.cache = Some(cache);
        self
    }

    /// Which types of manifests there are.
    pub fn schemas(mut self, schemas: Schemas) -> Self {
        self.options.schemas = schemas;
        self
    }

    /// Which manifests are taken.
    pub fn manifests(mut self, policy: ManifestPolicy) -> Self {
        self.options.manifests = policy;
        self
    }

    /// Whether nothing may be changed: for ever, or as long as a switch is on.
    pub fn read_only(mut self, enabled: impl Into<Switch>) -> Self {
        self.options.read_only = enabled.into();
        self
    }

    /// The registry.
    pub fn build(self) -> Arc<dyn Namespace> {
        Arc::new(StorageNamespace::new(self.driver, self.options))
    }
}
