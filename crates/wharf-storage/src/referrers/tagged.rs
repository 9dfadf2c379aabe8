//! The index of referrers that clients keep under a tag, where a registry has no list of referrers
//! (OCI distribution specification, "Referrers Tag Schema").

use std::collections::BTreeMap;

use wharf_core::Result;
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType};
use wharf_reference::Tag;

use crate::{manifests::find, store::Scope, tags::Tags};

/// What such indexes list, nothing if there are none.
pub(super) async fn referrers(
    scope: &Scope,
    subject: &Digest,
) -> Result<BTreeMap<Digest, Descriptor>> {
    let tags = Tags::new(scope.clone());
    let mut known = BTreeMap::new();
    for tag in names(subject) {
        let Some(index) = tags.current(&tag).await? else { continue };
        let listed = listed(scope, &index).await?.into_iter();
        known.extend(listed.map(|descriptor| (descriptor.digest, descriptor)));
    }
    Ok(known)
}

/// The tags of a subject: as the specification has it, both parts cut, and as oras writes it,
/// uncut. They differ for algorithms with long digests only.
fn names(subject: &Digest) -> Vec<Tag> {
    let (algorithm, hex) = (subject.algorithm().name(), subject.encoded());
    let cut = format!("{algorithm:.32}-{hex:.64}");
    let mut texts = vec![cut, format!("{algorithm}-{hex}")];
    texts.dedup();
    texts.iter().filter_map(|text| Tag::parse(text).ok()).collect()
}

async fn listed(scope: &Scope, index: &Digest) -> Result<Vec<Descriptor>> {
    let found = match find::manifest(scope, index).await {
        Err(error) if find::is_bad(&error) => return Ok(Vec::new()),
        found => found?,
    };
    let found = found.filter(|found| *found.media_type() == MediaType::oci_index());
    let view = found.and_then(|found| scope.options().schemas.parse(None, found.bytes()).ok());
    Ok(view.iter().flat_map(|view| view.manifests()).map(plain).collect())
}

/// Only what a list of referrers shows.
fn plain(descriptor: &Descriptor) -> Descriptor {
    Descriptor {
        annotations: descriptor.annotations.clone(),
        artifact_type: descriptor.artifact_type.clone(),
        ..Descriptor::new(descriptor.media_type.clone(), descriptor.digest, descriptor.size)
    }
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    #[test]
    fn both_forms_of_the_tag() {
        let check = |algorithm, expected: &[usize]| {
            let names = names(&Digest::of(algorithm, b""));
            assert_eq!(names.iter().map(|tag| tag.as_str().len()).collect::<Vec<_>>(), expected);
        };
        check(Algorithm::Sha256, &[71]);
        check(Algorithm::Sha384, &[71, 103]);
        // The uncut one is too long for a tag.
        check(Algorithm::Sha512, &[71]);
    }
}
