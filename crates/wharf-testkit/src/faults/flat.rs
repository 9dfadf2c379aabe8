//! All that is below a folder, for drivers that do not say it: what a store of objects answers.

use wharf_driver::{Contents, Driver, EntryKind, File, ListRequest, Result, StoragePath};

/// [`Driver::list_below`], folder by folder; at most so many files at once.
pub(super) async fn below(
    driver: &dyn Driver,
    folder: &StoragePath,
    ListRequest { after, limit }: ListRequest<'_>,
    most: usize,
) -> Result<Contents> {
    let (mut files, mut folders) = (Vec::new(), vec![StoragePath::root()]);
    while let Some(below) = folders.pop() {
        let all = ListRequest { after: None, limit: usize::MAX };
        for entry in driver.list(&folder.append(&below), all).await?.entries {
            let path = below.join(&entry.name).expect("a name");
            match entry.kind {
                EntryKind::Folder => folders.push(path),
                EntryKind::File => files.push(path),
            }
        }
    }
    let mut paths: Vec<&str> = files.iter().map(StoragePath::as_str).collect();
    paths.retain(|path| Some(*path) > after);
    paths.sort_unstable();
    let limit = limit.min(most);
    let mut page = Contents { files: Vec::new(), more: paths.len() > limit };
    for path in paths.into_iter().take(limit) {
        let at = folder.join(path).expect("a path");
        let size = driver.stat(&at).await?.size;
        page.files.push(File { path: path.to_owned(), size });
    }
    Ok(page)
}
