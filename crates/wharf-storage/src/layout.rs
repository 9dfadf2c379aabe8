//! Where everything lies: the layout of docker/distribution, and what Wharf adds to it.
//!
//! ```text
//! docker/registry/v2/blobs/<alg>/<hh>/<hex>/                                  (see `vault`)
//! docker/registry/v2/repositories/<name>/_layers/<alg>/<hex>/link
//! docker/registry/v2/repositories/<name>/_manifests/revisions/<alg>/<hex>/link
//! docker/registry/v2/repositories/<name>/_manifests/tags/<tag>/current/link
//! docker/registry/v2/repositories/<name>/_manifests/tags/<tag>/index/<alg>/<hex>/link
//! docker/registry/v2/repositories/<name>/_manifests/referrers/<alg>/<hex>/<alg>/<hex>/link   (ours)
//! docker/registry/v2/repositories/<name>/_uploads/<id>/startedat
//! docker/registry/wharf/upload-key                                            (ours)
//! ```
//!
//! Paths come from typed names only, so that none of them can lead elsewhere.

use std::fmt::{self, Display, Write as _};

use wharf_core::UploadId;
use wharf_digest::{Algorithm, Digest};
use wharf_driver::StoragePath;
use wharf_reference::{RepositoryName, Tag};

/// The folder of a repository's blob links; a repository's own folders all begin with `_`, which no
/// component of a name can.
pub(crate) const LAYERS: &str = "_layers";
/// The folder that marks a repository with manifests.
pub(crate) const MANIFESTS: &str = "_manifests";
/// The folder in [`MANIFESTS`] that distribution does not know.
pub(crate) const REFERRERS: &str = "referrers";
/// The file in [`REFERRERS`] that says that every referrer has its entry.
pub(crate) const COMPLETE: &str = "complete";
/// The folder of a repository's upload sessions.
pub(crate) const UPLOADS: &str = "_uploads";
/// The file that makes a folder an upload session.
pub(crate) const STARTED_AT: &str = "startedat";
/// The file that makes a folder a link.
pub(crate) const LINK: &str = "link";

const ROOT: &str = "docker/registry/v2";

/// The two folders that a digest makes.
struct Parts<'a>(&'a Digest);

/// The folder of everything that distribution knows.
pub(crate) fn root() -> StoragePath {
    path(format_args!("{ROOT}"))
}

// === blobs ===

/// The folder of all blobs of an algorithm.
pub(crate) fn blobs(algorithm: Algorithm) -> StoragePath {
    path(format_args!("{ROOT}/blobs/{}", algorithm.name()))
}

/// A file in the folder of a blob.
pub(crate) fn in_blob(digest: &Digest, file: &str) -> StoragePath {
    let hex = digest.hex();
    path(format_args!("{ROOT}/blobs/{}/{}/{hex}/{file}", digest.algorithm().name(), &hex[..2]))
}

// === repositories ===

/// The folder of all repositories.
pub(crate) fn repositories() -> StoragePath {
    path(format_args!("{ROOT}/repositories"))
}

/// The folder of a repository, and of those whose names go on from its own.
pub(crate) fn repository(name: &RepositoryName) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}"))
}

/// The folder of a repository's blob links of one algorithm.
pub(crate) fn layers(name: &RepositoryName, algorithm: Algorithm) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{LAYERS}/{}", algorithm.name()))
}

/// The link that makes a blob one of the repository.
pub(crate) fn layer_link(name: &RepositoryName, digest: &Digest) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{LAYERS}/{}/{LINK}", Parts(digest)))
}

/// One component of a repository's name, as the path of its folder from the one above.
pub(crate) fn component(name: &str) -> StoragePath {
    path(name)
}

/// A folder in that one.
pub(crate) fn below(name: &str, folder: &str) -> StoragePath {
    path(format_args!("{name}/{folder}"))
}

// === manifests ===

/// The folder that marks a repository with manifests.
pub(crate) fn manifests(name: &RepositoryName) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}"))
}

/// The folder of a repository's manifests.
pub(crate) fn all_revisions(name: &RepositoryName) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/revisions"))
}

/// The folder of a repository's manifests of one algorithm.
pub(crate) fn revisions(name: &RepositoryName, algorithm: Algorithm) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/revisions/{}", algorithm.name()))
}

/// The link that makes a blob a manifest of the repository.
pub(crate) fn revision_link(name: &RepositoryName, digest: &Digest) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/revisions/{}/{LINK}", Parts(digest)))
}

/// The folder of a repository's tags.
pub(crate) fn tags(name: &RepositoryName) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/tags"))
}

/// The folder of one tag.
pub(crate) fn tag(name: &RepositoryName, tag: &Tag) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/tags/{tag}"))
}

/// The link to what a tag points to.
pub(crate) fn tag_current(name: &RepositoryName, tag: &Tag) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/tags/{tag}/current/{LINK}"))
}

/// The same, from [`tags`] on.
pub(crate) fn tag_current_below(tag: &Tag) -> StoragePath {
    path(format_args!("{tag}/current/{LINK}"))
}

/// The folder of what a tag ever pointed to, of one algorithm.
pub(crate) fn tag_history(name: &RepositoryName, tag: &Tag, algorithm: Algorithm) -> StoragePath {
    let algorithm = algorithm.name();
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/tags/{tag}/index/{algorithm}"))
}

/// The link that says that a tag once pointed to a manifest.
pub(crate) fn tag_history_link(name: &RepositoryName, tag: &Tag, digest: &Digest) -> StoragePath {
    let parts = Parts(digest);
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/tags/{tag}/index/{parts}/{LINK}"))
}

/// The link that says that a tag once pointed to a manifest, from the folder of the tag on.
pub(crate) fn tag_history_below(digest: &Digest) -> StoragePath {
    path(format_args!("index/{}/{LINK}", Parts(digest)))
}

// === referrers ===

/// The marker that the referrers of a repository are complete.
pub(crate) fn referrers_marker(name: &RepositoryName) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/{REFERRERS}/{COMPLETE}"))
}

/// The folder of the referrers of a manifest, of one algorithm.
pub(crate) fn referrers(
    name: &RepositoryName,
    subject: &Digest,
    algorithm: Algorithm,
) -> StoragePath {
    let (subject, algorithm) = (Parts(subject), algorithm.name());
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/{REFERRERS}/{subject}/{algorithm}"))
}

/// The folder of the referrers of a manifest, of all algorithms.
pub(crate) fn all_referrers(name: &RepositoryName, subject: &Digest) -> StoragePath {
    let subject = Parts(subject);
    path(format_args!("{ROOT}/repositories/{name}/{MANIFESTS}/{REFERRERS}/{subject}"))
}

/// The descriptor of one referrer, from [`all_referrers`] on.
pub(crate) fn referrer_link_below(referrer: &Digest) -> StoragePath {
    path(format_args!("{}/{LINK}", Parts(referrer)))
}

/// The descriptor of one referrer of a manifest.
pub(crate) fn referrer_link(
    name: &RepositoryName,
    subject: &Digest,
    referrer: &Digest,
) -> StoragePath {
    let (subject, referrer) = (Parts(subject), Parts(referrer));
    path(format_args!(
        "{ROOT}/repositories/{name}/{MANIFESTS}/{REFERRERS}/{subject}/{referrer}/{LINK}"
    ))
}

// === uploads ===

/// The folder of a repository's upload sessions.
pub(crate) fn uploads(name: &RepositoryName) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{UPLOADS}"))
}

/// The folder of an upload session.
pub(crate) fn upload(name: &RepositoryName, id: &UploadId) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{UPLOADS}/{id}"))
}

/// The file that says when an upload session began.
pub(crate) fn upload_started_at(name: &RepositoryName, id: &UploadId) -> StoragePath {
    path(format_args!("{ROOT}/repositories/{name}/{UPLOADS}/{id}/{STARTED_AT}"))
}

// === ours ===

/// The key that signs the state of uploads.
pub(crate) fn upload_key() -> StoragePath {
    path(format_args!("docker/registry/wharf/upload-key"))
}

// === parts ===

/// The link of a digest in a folder of one algorithm.
pub(crate) fn link_by_hex(digest: &Digest) -> StoragePath {
    path(format_args!("{}/{LINK}", digest.hex()))
}

fn path(text: impl Display) -> StoragePath {
    /// Hardly a path is longer, so that the text grows but once.
    const LONG: usize = 256;
    let mut path = String::with_capacity(LONG);
    write!(path, "{text}").expect("a string takes everything");
    StoragePath::parse(&path).expect("typed names are path components")
}

// === impl Parts ===

impl Display for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.algorithm().name(), self.0.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> RepositoryName {
        RepositoryName::parse("library/a__b.c-d").unwrap()
    }

    #[test]
    fn paths_are_those_of_distribution() {
        let digest = Digest::sha256(b"");
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let (id, latest) = (UploadId::parse("0-1").unwrap(), Tag::parse("latest").unwrap());
        let repository = "docker/registry/v2/repositories/library/a__b.c-d";
        let check = |path: StoragePath, expected: String| assert_eq!(path.as_str(), expected);

        check(in_blob(&digest, "data"), format!("docker/registry/v2/blobs/sha256/e3/{hex}/data"));
        check(layer_link(&name(), &digest), format!("{repository}/_layers/sha256/{hex}/link"));
        check(
            revision_link(&name(), &digest),
            format!("{repository}/_manifests/revisions/sha256/{hex}/link"),
        );
        check(
            tag_current(&name(), &latest),
            format!("{repository}/_manifests/tags/latest/current/link"),
        );
        check(
            tag_history_link(&name(), &latest, &digest),
            format!("{repository}/_manifests/tags/latest/index/sha256/{hex}/link"),
        );
        check(
            referrer_link(&name(), &digest, &digest),
            format!("{repository}/_manifests/referrers/sha256/{hex}/sha256/{hex}/link"),
        );
        check(upload_started_at(&name(), &id), format!("{repository}/_uploads/0-1/startedat"));
    }
}
