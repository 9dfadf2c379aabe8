//! Names from one list of all the links below a folder, instead of a list of the folder and a look into
//! each folder in it.
//!
//! The list comes in the order of the paths, where `1.0-alpine/current/link` and `1.0.1/current/link` stand
//! before `1.0/current/link`. So a name may come later than those that it precedes. It then is what they
//! begin with, up to a byte that sorts no later than the slash. Hence: where a list ends and is not over,
//! every name up to the last one that it came to is known, but for those that the last one begins with;
//! these are asked for. Names beyond it are found from folder to folder.
//!
//! There is no second list: not every store can be told where to begin in this order (MinIO, asked for what
//! comes after `1.0/index/a/link`, leaves out `1/current/link`), and what a name has below it may be long,
//! thousands of links to layers, or a tag that moves each night.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_core::Result;
use wharf_driver::{Driver, File, StoragePath};

use crate::{children::PAGE, digests::CONCURRENCY, error::StorageResult};

/// What the files below a folder say of the names in it.
#[async_trait]
pub(crate) trait Signs: Sync {
    /// What is known of a name.
    type Known: Default + Send + Sync;

    /// About how many files a name has.
    const FILES: usize;

    /// With how many files to a name the folders are the better way.
    const SPARSE: usize;

    /// The name that a file belongs to, and the rest of its path; `None` if it belongs to none.
    fn split<'p>(&self, path: &'p str) -> Option<(&'p str, &'p str)>;

    /// Notes what a file, of which this is the rest of the path, says.
    fn note(&self, known: &mut Self::Known, rest: &str, size: u64);

    /// Whether a name counts.
    fn counts(&self, known: &Self::Known) -> bool;

    /// A path from which on no file says whether a name counts.
    fn known_at(&self, name: &str) -> String;

    /// Whether a name counts that the list has not said enough of.
    async fn ask(&self, name: &str) -> Result<bool>;
}

/// What was found at the price of few lists.
pub(crate) struct Found {
    /// In byte order.
    pub(crate) names: Vec<String>,
    pub(crate) rest: Rest,
}

/// Which names may follow.
pub(crate) enum Rest {
    Nothing,
    After(Option<String>),
}

/// A way through the list.
struct Scan<'a, S: Signs> {
    signs: &'a S,
    seen: BTreeMap<String, S::Known>,
}

/// The first names that count, `wanted` of them or more; fewer if there are no more, or if they are found
/// better in another way.
pub(crate) async fn names<S: Signs>(
    driver: &dyn Driver,
    folder: &StoragePath,
    signs: &S,
    after: Option<String>,
    wanted: usize,
) -> Result<Found> {
    if after.is_some() || !driver.capabilities().flat_lists {
        return Ok(Found { names: Vec::new(), rest: Rest::After(after) });
    }
    let limit = wanted.saturating_mul(S::FILES).saturating_add(S::SPARSE).min(PAGE);
    let page = driver.list_below(folder, limit).await.stored()?;
    let mut scan = Scan { signs, seen: BTreeMap::new() };
    page.files.iter().for_each(|file| scan.take(file));
    let Some(last) = page.files.last().filter(|_| page.more) else {
        return Ok(Found { names: scan.rest().into_iter().collect(), rest: Rest::Nothing });
    };
    let end = signs.split(&last.path).map_or(last.path.as_str(), |(name, _)| name);
    let asked = scan.ask_before(&last.path, end).await?;
    let names = scan.up_to(end, asked).into_iter().collect();
    Ok(Found { names, rest: Rest::After(Some(end.to_owned())) })
}

// === impl Scan ===

impl<S: Signs> Scan<'_, S> {
    fn take(&mut self, file: &File) {
        let Some((name, rest)) = self.signs.split(&file.path) else { return };
        match self.seen.get_mut(name) {
            Some(known) => self.signs.note(known, rest, file.size),
            None => {
                let known = self.seen.entry(name.to_owned()).or_default();
                self.signs.note(known, rest, file.size);
            }
        }
    }

    /// Asks for each name that `end` begins with, or is, and of which later files may say something.
    async fn ask_before(&self, last: &str, end: &str) -> Result<BTreeSet<String>> {
        let unknown = begins(end).filter(|name| {
            *self.signs.known_at(name) > *last
                && !self.seen.get(*name).is_some_and(|known| self.signs.counts(known))
        });
        let unknown: Vec<String> = unknown.map(str::to_owned).collect();
        let asked = stream::iter(unknown).map(|name| async move {
            self.signs.ask(&name).await.map(|counts| counts.then_some(name))
        });
        asked.buffered(CONCURRENCY).try_filter_map(async |name| Ok(name)).try_collect().await
    }

    /// Hands out the names that count up to one, those included that were asked for.
    fn up_to(&mut self, end: &str, mut names: BTreeSet<String>) -> BTreeSet<String> {
        let later = self.seen.split_off(&format!("{end}\0"));
        let passed = std::mem::replace(&mut self.seen, later);
        names.extend(self.counting(passed));
        names
    }

    fn rest(&mut self) -> BTreeSet<String> {
        let all = std::mem::take(&mut self.seen);
        self.counting(all).collect()
    }

    fn counting(&self, names: BTreeMap<String, S::Known>) -> impl Iterator<Item = String> {
        names.into_iter().filter(|(_, known)| self.signs.counts(known)).map(|(name, _)| name)
    }
}

// === impl Rest ===

impl From<Option<String>> for Rest {
    /// Where a batch has said where the next one begins, `None` at the end.
    fn from(next: Option<String>) -> Self {
        next.map_or(Self::Nothing, |next| Self::After(Some(next)))
    }
}

/// What a name begins with, up to a byte that sorts no later than the slash, and the name itself.
fn begins(name: &str) -> impl Iterator<Item = &str> {
    let bytes = name.bytes().enumerate().skip(1);
    let parts = bytes.filter(|(_, byte)| *byte <= b'/').map(|(at, _)| &name[..at]);
    parts.chain([name])
}
