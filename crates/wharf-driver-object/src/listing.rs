//! Pages of a folder, in the byte order of the names.
//!
//! A store orders by key, and the key of a folder ends with a slash: `1.0-alpine/` and `1.0.1/` come
//! before `1.0/`. So a folder may come later in the store than a name that it has to precede. It then
//! is what that name begins with, up to a byte that sorts before the slash (`+`, `-` or `.`), and it
//! is missing only if what was read ends in between. Then the last key that was read begins with it,
//! too. Hence: read from the store in its order, beginning after the bare last name of the page
//! before (every name after it has a key after it); where reading stops early, ask for each folder
//! that the last key begins with; sort. That is one request for up to a thousand names, and as many
//! small ones as the last name has dots and dashes.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};
use wharf_driver::{Entry, EntryKind, ListRequest, Listing, Result, StoragePath};

use crate::objects::Objects;

/// The most keys that stores give at once.
pub(crate) const MOST: usize = 1000;

/// A page on its way.
struct Scan<'a> {
    objects: &'a Objects,
    /// Ends with a slash, unless it is empty.
    prefix: String,
    after: Option<&'a str>,
    found: BTreeMap<String, EntryKind>,
}

/// Lists the direct children of a folder.
pub(crate) async fn page(
    objects: &Objects,
    folder: &StoragePath,
    request: ListRequest<'_>,
) -> Result<Listing> {
    let after = request.after.filter(|after| !after.is_empty());
    let prefix = objects.below(folder);
    let mut scan = Scan { objects, prefix, after, found: BTreeMap::new() };
    let rest = match &objects.store.pages {
        Some(pages) => scan.some(&**pages, request.limit.saturating_add(1)).await?,
        None => scan.all(folder).await.map(|()| false)?,
    };
    let more = rest || scan.found.len() > request.limit;
    let entries = scan.found.into_iter().take(request.limit);
    let entries = entries.map(|(name, kind)| Entry { name, kind }).collect();
    Ok(Listing { entries, more })
}

// === impl Scan ===

impl Scan<'_> {
    /// Every child, for stores that give no pages.
    async fn all(&mut self, folder: &StoragePath) -> Result<()> {
        let key = self.objects.key(folder);
        let prefix = Some(&key).filter(|key| !key.is_root());
        let list = self.objects.store.objects.list_with_delimiter(prefix);
        let result = self.objects.within(&key, list).await?;
        self.take(result.objects.iter().map(|object| &object.location), EntryKind::File);
        self.take(result.common_prefixes.iter(), EntryKind::Folder);
        Ok(())
    }

    /// At least so many children, all of them correct up to there; says whether there are more.
    async fn some(&mut self, pages: &dyn PaginatedListStore, wanted: usize) -> Result<bool> {
        let mut options = PaginatedListOptions {
            offset: self.after.map(|after| format!("{}{after}", self.prefix)),
            delimiter: Some("/".into()),
            // The folder that was last comes again, and so may those that it begins with.
            max_keys: Some(wanted.saturating_add(2 + self.after.map_or(0, dots)).min(MOST)),
            ..PaginatedListOptions::default()
        };
        loop {
            let prefix = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
            let list = pages.list_paginated(prefix, options.clone());
            let page = self.objects.within(&self.prefix, list).await?;
            let files = page.result.objects.iter().map(|object| &object.location);
            let last_file = files.clone().filter_map(|key| self.name(key)).max();
            let folders = page.result.common_prefixes.iter();
            let last_folder = folders.clone().filter_map(|key| self.name(key)).max_by(by_key);
            let last = later(last_file, last_folder);
            self.take(files, EntryKind::File);
            self.take(folders, EntryKind::Folder);
            let Some(token) = page.page_token else { return Ok(false) };
            if self.found.len() >= wanted
                && let Some(last) = last
            {
                self.ask_before(pages, &last, wanted).await?;
                return Ok(true);
            }
            options.page_token = Some(token);
            options.max_keys = Some(MOST);
        }
    }

    /// Asks for the folders that come after `last` in the store and before it in the list.
    async fn ask_before(
        &mut self,
        pages: &dyn PaginatedListStore,
        last: &str,
        wanted: usize,
    ) -> Result<()> {
        let bound = self.found.keys().nth(wanted - 1).map_or("", String::as_str);
        let missing: Vec<String> = begins(last)
            .filter(|name| *name < bound && self.is_wanted(name) && !self.found.contains_key(*name))
            .map(str::to_owned)
            .collect();
        let this = &*self;
        let asked = stream::iter(missing).map(|name| async move {
            this.is_folder(pages, &name).await.map(|there| there.then_some(name))
        });
        let there: Vec<_> = asked.buffered(8).try_collect().await?;
        self.found.extend(there.into_iter().flatten().map(|name| (name, EntryKind::Folder)));
        Ok(())
    }

    async fn is_folder(&self, pages: &dyn PaginatedListStore, name: &str) -> Result<bool> {
        let prefix = format!("{}{name}/", self.prefix);
        let mut options =
            PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        loop {
            let list = pages.list_paginated(Some(&prefix), options.clone());
            let page = self.objects.within(&prefix, list).await?;
            match page.page_token {
                // A page may be empty and not the last one.
                Some(token) if page.result.objects.is_empty() => options.page_token = Some(token),
                _ => return Ok(!page.result.objects.is_empty()),
            }
        }
    }

    fn take<'k>(&mut self, keys: impl Iterator<Item = &'k Path>, kind: EntryKind) {
        for key in keys {
            if let Some(name) = self.name(key).filter(|name| self.is_wanted(name)) {
                // Where content and a folder have one name, the folder has more to offer.
                self.found.insert(name.to_owned(), kind);
            }
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.after.is_none_or(|after| name > after)
    }

    /// The name of a direct child; `None` for the folder itself, which some tools make an object.
    fn name<'k>(&self, key: &'k Path) -> Option<&'k str> {
        let name = key.as_ref().strip_prefix(&self.prefix)?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}

/// What a name begins with, up to a byte that sorts before the slash.
fn begins(name: &str) -> impl Iterator<Item = &str> {
    let bytes = name.bytes().enumerate().skip(1);
    bytes.filter(|(_, byte)| *byte < b'/').map(|(at, _)| &name[..at])
}

fn dots(name: &str) -> usize {
    begins(name).count()
}

/// Folders in the order of their keys.
fn by_key(one: &&str, other: &&str) -> std::cmp::Ordering {
    one.bytes().chain([b'/']).cmp(other.bytes().chain([b'/']))
}

/// The name of the last key.
fn later(file: Option<&str>, folder: Option<&str>) -> Option<String> {
    let folder_is_later = match (file, folder) {
        (Some(file), Some(folder)) => folder.bytes().chain([b'/']).gt(file.bytes()),
        (file, _) => file.is_none(),
    };
    if folder_is_later { folder } else { file }.map(str::to_owned)
}
