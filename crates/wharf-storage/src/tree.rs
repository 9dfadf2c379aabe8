//! The layout, for what looks after a store as a whole: collects its garbage, checks it.
//!
//! A repository is a *folder* here, whatever its name is: what nobody can ask for by a valid name may
//! still need the blobs that it links.

use std::time::SystemTime;

use wharf_core::Result;
use wharf_digest::{Algorithm, Digest};
use wharf_driver::{Driver, StoragePath};

use crate::{layout, uploads, vault};

/// What makes a folder a repository: one of its own folders in it.
pub const OWN: &[&str] = &[layout::LAYERS, layout::MANIFESTS, layout::UPLOADS];

/// The file that makes a folder a link.
pub const LINK: &str = layout::LINK;

/// The folder of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository(StoragePath);

/// The folder of all blobs of an algorithm, in which there is one for the first two digits.
pub fn blobs(algorithm: Algorithm) -> StoragePath {
    layout::blobs(algorithm)
}

/// The folder of a blob, with everything that belongs to it.
pub fn blob(digest: &Digest) -> StoragePath {
    data(digest).parent().expect("a blob's bytes lie in a folder of their own")
}

/// The bytes of a blob.
pub fn data(digest: &Digest) -> StoragePath {
    vault::live(digest)
}

/// The folder of all repositories.
pub fn repositories() -> StoragePath {
    layout::repositories()
}

/// The folder of ours with the keys that sign tokens.
pub const TOKEN_KEYS: &str = "token-keys";

/// The folder of ours with the tokens for programs.
pub const TOKENS: &str = "tokens";

/// What of ours nobody else may read.
pub fn secrets() -> Vec<StoragePath> {
    vec![layout::upload_key(), ours(TOKEN_KEYS), ours(TOKENS)]
}

/// The folder `name` where the store keeps what is ours.
pub fn ours(name: &str) -> StoragePath {
    layout::upload_key().parent().and_then(|ours| ours.join(name).ok()).expect("a name of ours")
}

// === impl Repository ===

impl Repository {
    /// The repository in a folder.
    pub fn at(folder: StoragePath) -> Self {
        Self(folder)
    }

    /// Its name: its folder, from that of all repositories on.
    pub fn name(&self) -> &str {
        let above = layout::repositories();
        let name = self.0.as_str().strip_prefix(above.as_str());
        name.map_or(self.0.as_str(), |name| name.trim_start_matches('/'))
    }

    /// The folder of its links to blobs, in which there is one for each algorithm.
    pub fn layers(&self) -> StoragePath {
        self.below(layout::LAYERS)
    }

    /// The folder of its links to manifests, in which there is one for each algorithm.
    pub fn revisions(&self) -> StoragePath {
        self.below(layout::MANIFESTS).join("revisions").expect("a name")
    }

    /// The folder of its tags.
    pub fn tags(&self) -> StoragePath {
        self.below(layout::MANIFESTS).join("tags").expect("a name")
    }

    /// The folder of everything that a tag ever pointed to, in which there is one for each algorithm.
    pub fn history(&self, tag: &str) -> Option<StoragePath> {
        self.tags().join(tag).ok()?.join("index").ok()
    }

    /// The folder of its referrers, in which there are two for each subject, algorithm and hex.
    pub fn referrers(&self) -> StoragePath {
        self.below(layout::MANIFESTS).join(layout::REFERRERS).expect("a name")
    }

    /// The marker that every referrer that is there has an entry.
    pub fn referrers_marker(&self) -> StoragePath {
        self.referrers().join(layout::COMPLETE).expect("a name")
    }

    /// The folder of its upload sessions.
    pub fn uploads(&self) -> StoragePath {
        self.below(layout::UPLOADS)
    }

    fn below(&self, name: &str) -> StoragePath {
        self.0.join(name).expect("a name of the layout")
    }
}

/// The link to what a tag points to, from the folder of the tags on.
pub fn current(tag: &str) -> Option<StoragePath> {
    StoragePath::parse(tag).ok()?.join("current").ok()?.join(layout::LINK).ok()
}

/// When the upload session in a folder began; `None` if nothing says so: then it is none.
pub async fn started_at(driver: &dyn Driver, session: &StoragePath) -> Result<Option<SystemTime>> {
    let file = session.join(layout::STARTED_AT).expect("a name");
    uploads::read_started_at(driver, &file).await
}

/// The folder of a link that bears the name of a digest, in a folder of links.
pub fn entry(folder: &StoragePath, digest: &Digest) -> StoragePath {
    folder
        .join(digest.algorithm().name())
        .and_then(|folder| folder.join(&digest.hex()))
        .expect("a digest is made of names")
}

/// The link that bears the name of a digest, in a folder of links.
pub fn link(folder: &StoragePath, digest: &Digest) -> StoragePath {
    entry(folder, digest).join(layout::LINK).expect("a name")
}

#[cfg(test)]
mod tests {
    use wharf_reference::{RepositoryName, Tag};

    use super::*;

    #[test]
    fn it_is_the_layout_that_everything_else_uses() {
        let name = RepositoryName::parse("library/app").unwrap();
        let (digest, tag) = (Digest::sha256(b""), Tag::parse("v1").unwrap());
        let repository = Repository::at(layout::repository(&name));
        assert_eq!(repository.name(), "library/app");
        assert_eq!(link(&repository.layers(), &digest), layout::layer_link(&name, &digest));
        assert_eq!(link(&repository.revisions(), &digest), layout::revision_link(&name, &digest));
        assert_eq!(
            repository.tags().append(&current("v1").unwrap()),
            layout::tag_current(&name, &tag)
        );
        assert_eq!(
            link(&repository.history("v1").unwrap(), &digest),
            layout::tag_history_link(&name, &tag, &digest)
        );
        assert_eq!(
            link(&entry(&repository.referrers(), &digest), &digest),
            layout::referrer_link(&name, &digest, &digest)
        );
        assert_eq!(repository.referrers_marker(), layout::referrers_marker(&name));
        assert_eq!(blob(&digest).join("data").unwrap(), data(&digest));
        assert_eq!(ours("upload-key"), layout::upload_key());
    }
}
