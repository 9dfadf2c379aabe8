//! Names from one list of all the links below a folder, instead of a list of the folder and a look into
//! each folder in it.
//!
//! The list comes in the order of the paths, where `1.0-alpine/current/link` and `1.0.1/current/link` stand
//! before `1.0/current/link`. So a name may come later than those that it precedes. It then is what they
//! begin with, up to a byte that sorts no later than the slash. Hence: where a list ends and is not over,
//! every name up to the last one that it came to is known, but for those that the last one begins with;
//! these are asked for. The next list begins after a name: what belongs to later names comes after it, and
//! what a store may leave out there (see [`Driver::list_below`]) belongs to earlier ones.
//!
//! What a name has below it may be long, thousands of links to layers, or a tag that moves each night. After
//! a list of few names the next ones are found from folder to folder.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_core::Result;
use wharf_driver::{Driver, File, ListRequest, StoragePath};

use crate::{children::PAGE, digests::CONCURRENCY, error::StorageResult};

/// What the files below a folder say of the names in it.
#[async_trait]
pub(crate) trait Signs: Sync {
    /// What is known of a name.
    type Known: Default + Send + Sync;

    /// About how many files a name has.
    const FILES: usize;

    /// How many more are asked for, since some names have many.
    const SPARE: usize;

    /// The name that a file belongs to, and the rest of its path; `None` if it belongs to none. A name is
    /// what is before the first slash, unless it is said otherwise.
    fn split<'p>(&self, path: &'p str) -> Option<(&'p str, &'p str)> {
        path.split_once('/')
    }

    /// Whether a list may begin after such a name.
    fn begins_after(&self, name: &str) -> bool;

    /// Notes what a file, of which this is the rest of the path, says.
    fn note(&self, known: &mut Self::Known, rest: &str, size: u64);

    /// Whether a name counts.
    fn counts(&self, known: &Self::Known) -> bool;

    /// A path from which on no file says whether a name counts.
    fn known_at(&self, name: &str) -> String;

    /// Whether a name counts that the list has not said enough of.
    async fn ask(&self, name: &str) -> Result<bool>;
}

/// What lists have shown.
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

/// How many names a list has to show for another one to be worth it: folder by folder, this many are found at
/// the price of a list and of a read of each, all at once.
const WORTH: usize = 16;

/// The names that count after `after`, or the first ones: `wanted` of them or more, or those before names that
/// have to be found in another way.
pub(crate) async fn names<S: Signs>(
    driver: &dyn Driver,
    folder: &StoragePath,
    signs: &S,
    after: Option<String>,
    wanted: usize,
) -> Result<Found> {
    let mut found = Found { names: Vec::new(), rest: Rest::After(after) };
    let mut is_worth_it = driver.capabilities().flat_lists;
    while is_worth_it
        && let Rest::After(after) = &found.rest
        && after.as_deref().is_none_or(|after| signs.begins_after(after))
        && let missing @ 1.. = wanted.saturating_sub(found.names.len())
    {
        let list = list(driver, folder, signs, after.as_deref(), missing).await?;
        is_worth_it = list.seen >= WORTH;
        found.names.extend(list.names);
        if let Some(rest) = list.rest {
            found.rest = rest;
        }
    }
    Ok(found)
}

/// What one list has shown.
struct List {
    /// Names, whether they count or not.
    seen: usize,
    /// Those that count.
    names: BTreeSet<String>,
    /// `None` where it has not come to the next name.
    rest: Option<Rest>,
}

async fn list<S: Signs>(
    driver: &dyn Driver,
    folder: &StoragePath,
    signs: &S,
    after: Option<&str>,
    wanted: usize,
) -> Result<List> {
    let limit = wanted.saturating_mul(S::FILES).saturating_add(S::SPARE).min(PAGE);
    let page = driver.list_below(folder, ListRequest { after, limit }).await.stored()?;
    let mut known = noted(signs, &page.files);
    if let Some(after) = after {
        known = known.split_off(&past(after));
    }
    let seen = known.len();
    let Some(last) = page.files.last().filter(|_| page.more) else {
        return Ok(List {
            seen,
            names: counting(signs, known).collect(),
            rest: Some(Rest::Nothing),
        });
    };
    let end = signs.split(&last.path).map_or(last.path.as_str(), |(name, _)| name);
    if Some(end) <= after {
        return Ok(List { seen: 0, names: BTreeSet::new(), rest: None });
    }
    let asked = ask_before(signs, &known, after, (&last.path, end)).await?;
    // Of later names not all is known.
    known.split_off(&past(end));
    let names = counting(signs, known).chain(asked).collect();
    Ok(List { seen, names, rest: Some(Rest::After(Some(end.to_owned()))) })
}

/// The first text after a name.
fn past(name: &str) -> String {
    format!("{name}\0")
}

/// What the files say.
fn noted<S: Signs>(signs: &S, files: &[File]) -> BTreeMap<String, S::Known> {
    let mut known: BTreeMap<String, S::Known> = BTreeMap::new();
    for file in files {
        let Some((name, rest)) = signs.split(&file.path) else { continue };
        match known.get_mut(name) {
            Some(known) => signs.note(known, rest, file.size),
            None => signs.note(known.entry(name.to_owned()).or_default(), rest, file.size),
        }
    }
    known
}

fn counting<S: Signs>(
    signs: &S,
    names: BTreeMap<String, S::Known>,
) -> impl Iterator<Item = String> {
    names.into_iter().filter(|(_, known)| signs.counts(known)).map(|(name, _)| name)
}

/// Asks for each name after `after` that `end` begins with, or is, and of which files after the last one may
/// say something; those that count.
async fn ask_before<S: Signs>(
    signs: &S,
    known: &BTreeMap<String, S::Known>,
    after: Option<&str>,
    (last, end): (&str, &str),
) -> Result<Vec<String>> {
    let unknown = begins(end).filter(|name| {
        Some(*name) > after
            && *signs.known_at(name) > *last
            && !known.get(*name).is_some_and(|it| signs.counts(it))
    });
    let unknown: Vec<String> = unknown.map(str::to_owned).collect();
    let asked = stream::iter(unknown)
        .map(|name| async move { signs.ask(&name).await.map(|counts| counts.then_some(name)) });
    asked.buffered(CONCURRENCY).try_filter_map(async |name| Ok(name)).try_collect().await
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
