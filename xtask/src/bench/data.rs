//! What is in the stores that the servers read, whatever the layout.

use std::path::Path;

use wharf_digest::Digest;

use super::content::{manifest, noise, referrer};
use super::layout::{Common, Layout, Stored};
use super::oci::Oci;
use crate::Outcome;

/// The repository with the blobs and the image.
pub(crate) const APP: &str = "bench/app";

/// The repository with many tags.
pub(crate) const TAGS: &str = "bench/tags";

/// The sizes of the lists; each has a store of its own.
pub(crate) const SIZES: [usize; 3] = [1000, 10_000, 100_000];

/// The store that also has the blobs, the image and the referrers.
pub(crate) const MAIN: usize = SIZES[0];

/// How many referrers there are.
pub(crate) const REFERRERS: [usize; 3] = [10, 1000, 10_000];

const LAYERS: usize = 10;
const LAYER: usize = 256 * 1024;
const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux"}"#;

/// An image, which the tag `latest` points to, and single blobs.
pub(crate) struct Data {
    pub(crate) manifest: Stored,
    /// Config and layers.
    pub(crate) content: Vec<Stored>,
    pub(crate) small: Stored,
    pub(crate) middle: Stored,
    pub(crate) large: Stored,
}

/// Which layout a store is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// That of distribution, which the others share.
    Common,
    /// An OCI image layout for each repository, as zot has it.
    Oci,
}

// === impl Family ===

impl Family {
    /// Writes the store with lists of `entries`; the main one with blobs, an image and referrers.
    pub(crate) fn write(self, root: &Path, entries: usize) -> Outcome<Option<Data>> {
        match self {
            Family::Common => write(&mut Common::new(root)?, entries),
            Family::Oci => write(&mut Oci::new(root)?, entries),
        }
    }
}

fn write(layout: &mut impl Layout, entries: usize) -> Outcome<Option<Data>> {
    let mut data = None;
    if entries == MAIN {
        data = Some(write_data(layout)?);
        REFERRERS.into_iter().try_for_each(|count| write_referrers(layout, count))?;
    }
    let config = layout.blob(TAGS, CONFIG)?;
    let image = layout.manifest(TAGS, manifest(config, &[config]).to_string().as_bytes())?;
    for number in 0..entries {
        layout.tag(TAGS, &tag(number), image)?;
        layout.repository(&repository(number))?;
    }
    layout.finish()?;
    Ok(data)
}

fn write_data(layout: &mut impl Layout) -> Outcome<Data> {
    let mut content = vec![layout.blob(APP, CONFIG)?];
    for number in 0..LAYERS {
        content.push(layout.blob(APP, &noise(10 + number as u64, LAYER))?);
    }
    let bytes = manifest(content[0], &content[1..]).to_string().into_bytes();
    let image = layout.manifest(APP, &bytes)?;
    layout.tag(APP, "latest", image)?;
    Ok(Data {
        manifest: image,
        content,
        small: layout.blob(APP, &noise(1, 4 * 1024))?,
        middle: layout.blob(APP, &noise(2, 1024 * 1024))?,
        large: layout.blob(APP, &noise(3, 256 * 1024 * 1024))?,
    })
}

/// Manifests with a subject, as a registry without a list of referrers keeps them.
fn write_referrers(layout: &mut impl Layout, count: usize) -> Outcome {
    let name = referrers(count);
    let config = layout.blob(&name, CONFIG)?;
    for number in 0..count {
        let bytes = referrer(number, config, subject(count)).to_string();
        layout.manifest(&name, bytes.as_bytes())?;
    }
    Ok(())
}

/// The repository with so many referrers.
pub(crate) fn referrers(count: usize) -> String {
    format!("bench/referrers-{count}")
}

/// The manifest that `count` others refer to; it need not be there.
pub(crate) fn subject(count: usize) -> Stored {
    (Digest::sha256(format!("subject of {count}").as_bytes()), 2)
}

/// The name of a tag; the names sort as their numbers do.
pub(crate) fn tag(number: usize) -> String {
    format!("v1.{number:06}")
}

/// The name of a nested repository; the names sort as their numbers do.
pub(crate) fn repository(number: usize) -> String {
    format!("org{:03}/team{:02}/app{number:06}", number / 100, number / 10 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_their_numbers_do() {
        let repositories: Vec<String> = (0..*SIZES.last().unwrap()).map(repository).collect();
        assert!(repositories.is_sorted());
        assert!(tag(9) < tag(10));
    }
}
