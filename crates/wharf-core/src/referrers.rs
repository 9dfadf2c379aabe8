//! What refers to a manifest: signatures, SBOMs, attestations.

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_manifest::Descriptor;

use crate::{Page, PageRequest, Result};

/// Lists the manifests whose `subject` is another one (OCI distribution specification, "Listing
/// Referrers").
#[async_trait]
pub trait ReferrerLister: Send + Sync {
    /// One page of the referrers of `subject` in the byte order of their digests, only those of one
    /// artifact type if it is given. Empty for a subject, or a repository, that does not exist.
    /// The page ends before its descriptors exceed 4 MiB of JSON.
    async fn referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Descriptor>>;
}
