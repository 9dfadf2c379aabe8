//! Content at any depth, in the order of the store.

use object_store::list::{PaginatedListOptions, PaginatedListStore};
use wharf_driver::{Contents, File, ListRequest, Result, StoragePath};

use crate::{listing::MOST, objects::Objects};

/// One page of what is below a folder.
pub(crate) async fn page(
    objects: &Objects,
    pages: &dyn PaginatedListStore,
    folder: &StoragePath,
    ListRequest { after, limit }: ListRequest<'_>,
) -> Result<Contents> {
    let prefix = objects.below(folder);
    let mut options = PaginatedListOptions {
        offset: after.filter(|it| !it.is_empty()).map(|after| format!("{prefix}{after}")),
        max_keys: Some(limit.clamp(1, MOST)),
        ..PaginatedListOptions::default()
    };
    loop {
        let within = Some(prefix.as_str()).filter(|prefix| !prefix.is_empty());
        let list = pages.list_paginated(within, options.clone());
        let page = objects.within(&prefix, list).await?;
        let files = page.result.objects.into_iter().filter_map(|object| {
            let path = object.location.as_ref().strip_prefix(&prefix)?;
            // A store that knows no place to begin gives what comes before it, too.
            let is_wanted = !path.is_empty() && Some(path) > after;
            is_wanted.then(|| File { path: path.to_owned(), size: object.size })
        });
        let mut files: Vec<File> = files.collect();
        // The mark of a folder that some tools make has the path of what is above it.
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files.dedup_by(|one, other| one.path == other.path);
        let more = page.page_token.is_some() || files.len() > limit;
        files.truncate(limit);
        if !(files.is_empty() && more) {
            return Ok(Contents { files, more });
        }
        options.page_token = page.page_token;
        options.max_keys = Some(MOST);
    }
}
