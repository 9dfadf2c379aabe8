//! Looks at one repository: at each of its folders, and how they agree.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Display,
    sync::Arc,
};

use wharf_digest::Digest;
use wharf_driver::{Result, StoragePath};
use wharf_storage::tree::Repository;

use super::{
    Kind, layers, manifests, referrers,
    run::{At, Run},
    tags, uploads,
};

/// A repository that is looked at, and what its manifests say.
pub(super) struct Known<'a> {
    pub(super) run: &'a Arc<Run>,
    pub(super) repository: &'a Repository,
    /// Its manifests, with where their bytes are.
    pub(super) manifests: BTreeMap<Digest, Digest>,
    /// The blobs that they need.
    pub(super) needs: BTreeMap<Digest, Need>,
    /// What else stands in them, and may be needed.
    pub(super) perhaps: HashSet<Digest>,
    /// What each manifest is about, of those that are about something.
    pub(super) subjects: HashMap<Digest, Digest>,
    /// The manifests of which nothing is known.
    pub(super) unread: HashSet<Digest>,
}

/// What a manifest says about a blob.
pub(super) struct Need {
    pub(super) size: u64,
    /// The manifest, or the first one.
    pub(super) by: Digest,
    /// Whether the blob has to be there.
    pub(super) required: bool,
}

/// Looks at everything in a repository.
pub(super) async fn check(run: &Arc<Run>, repository: &Repository) -> Result<()> {
    let mut known = Known {
        run,
        repository,
        manifests: BTreeMap::new(),
        needs: BTreeMap::new(),
        perhaps: HashSet::new(),
        subjects: HashMap::new(),
        unread: HashSet::new(),
    };
    manifests::check(&mut known).await?;
    layers::check(&known).await?;
    tags::check(&known).await?;
    referrers::check(&known).await?;
    uploads::check(run, repository).await
}

// === impl Known ===

impl Known<'_> {
    pub(super) fn at(&self, kind: Kind, subject: impl Display) -> At<'_> {
        At::of(self.repository, kind, subject)
    }

    /// Tells of names that nothing in the layout has.
    pub(super) fn strange(&self, paths: &[StoragePath]) {
        for path in paths {
            self.run.found(self.at(Kind::Strange, path), "no digest is called so".to_owned());
        }
    }

    /// Whether a manifest needs a blob, or may need it.
    pub(super) fn may_need(&self, digest: &Digest) -> bool {
        self.needs.contains_key(digest) || self.perhaps.contains(digest) || !self.unread.is_empty()
    }
}
