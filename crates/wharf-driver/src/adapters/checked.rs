//! Refuses what no driver needs to see, and believes no driver blindly.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_digest::Digester;

use crate::{
    Capabilities, Checkpoint, Contents, Driver, Error, ErrorKind, ListRequest, Listing, Metadata,
    Opened, PresignRequest, Published, Put, PutMode, PutOutcome, Ready, Result, StoragePath,
    Unchanged, Upload,
};

/// Checks what goes in and what comes out.
///
/// In: nothing is stored at the root, small content and saved state are small, a range is not
/// reversed, a page has room for an entry. Out: content is as long as its range says and lies inside
/// the whole, a page keeps its limit, an append adds what was appended.
#[derive(Clone, Debug)]
pub struct Checked {
    inner: Arc<dyn Driver>,
    small: u64,
}

struct CheckedUpload {
    inner: Box<dyn Upload>,
    session: StoragePath,
    small: u64,
}

const NO_ROOM: &str = "a list has a limit of at least 1";

// === impl Checked ===

impl Checked {
    /// What counts as small if nothing else is said, in bytes.
    pub const SMALL: u64 = 64 << 20;

    /// Wraps a driver; content of up to `small` bytes may be `put`.
    pub fn new(inner: Arc<dyn Driver>, small: u64) -> Self {
        Self { inner, small }
    }

    fn upload(&self, session: &StoragePath, inner: Box<dyn Upload>) -> Box<dyn Upload> {
        Box::new(CheckedUpload { inner, session: session.clone(), small: self.small })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Driver for Checked {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn ready(&self) -> Option<&dyn Ready> {
        None
    }

    fn watch(&self, paths: &[StoragePath]) -> Option<Arc<dyn Unchanged>> {
        self.inner.watch(paths)
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        let content = self.inner.get(path, limit).await?;
        small(path, content.len(), limit)?;
        Ok(content)
    }

    async fn get_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        limit: u64,
    ) -> Vec<Result<Bytes>> {
        let each = self.inner.get_each(folder, paths, limit).await;
        checked_each((folder, paths), each, |path, content| {
            small(path, content.len(), limit).map(|()| content)
        })
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        below_root(path)?;
        small(path, content.len(), self.small)?;
        self.inner.put(path, content, mode).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        steps.iter().flatten().try_for_each(|put| sound(put, self.small))?;
        self.inner.put_in_order(steps).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        if matches!(range, Some(ByteRange::Between(first, last)) if first > last) {
            let size = self.inner.stat(path).await?.size;
            return Err(Error::new(ErrorKind::OutOfRange { size }, path));
        }
        let opened = self.inner.open(path, range).await?;
        let size = opened.metadata.size;
        let asked = range.map_or(Some(0..size), |range| range.resolve(size));
        let length = opened.range.end.saturating_sub(opened.range.start);
        let sound = asked.as_ref() == Some(&opened.range)
            && opened.content.len().is_none_or(|given| given == length);
        sound.then_some(opened).ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, path).because("the driver opened something else")
        })
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        self.inner.stat(path).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        has_room(folder, request)?;
        in_order(folder, self.inner.list(folder, request).await?, request)
    }

    async fn list_each(
        &self,
        folder: &StoragePath,
        paths: &[StoragePath],
        request: ListRequest<'_>,
    ) -> Vec<Result<Listing>> {
        if let Err(error) = has_room(folder, request) {
            let kind = error.kind();
            return paths.iter().map(|_| Err(Error::new(kind, folder).because(NO_ROOM))).collect();
        }
        let each = self.inner.list_each(folder, paths, request).await;
        checked_each((folder, paths), each, |path, page| in_order(path, page, request))
    }

    async fn list_below(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Contents> {
        has_room(folder, request)?;
        flat(folder, self.inner.list_below(folder, request).await?, request)
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.inner.delete(path).await
    }

    async fn forget(&self, path: &StoragePath) -> Result<()> {
        self.inner.forget(path).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.inner.delete_below(folder).await
    }

    async fn forget_below(&self, folder: &StoragePath) -> Result<bool> {
        self.inner.forget_below(folder).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        if !matches!(request.method, "GET" | "HEAD") {
            let error = Error::new(ErrorKind::Unsupported, path);
            return Err(error.because("a URL answers GET or HEAD"));
        }
        self.inner.presign(path, request).await
    }

    async fn begin_upload(
        &self,
        session: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Box<dyn Upload>> {
        below_root(session)?;
        let begun = self.inner.begin_upload(session, size_hint).await?;
        Ok(self.upload(session, begun))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        below_root(session)?;
        let resumed = self.inner.resume_upload(session).await?;
        match resumed.size() == resumed.checkpoint().length {
            true => Ok(self.upload(session, resumed)),
            false => Err(Error::new(ErrorKind::Corrupt, session)
                .because("the driver took the session up elsewhere than at its checkpoint")),
        }
    }

    async fn begin_direct(
        &self,
        target: &StoragePath,
        size_hint: Option<u64>,
    ) -> Result<Option<Box<dyn Upload>>> {
        below_root(target)?;
        let begun = self.inner.begin_direct(target, size_hint).await?;
        Ok(begun.map(|begun| self.upload(target, begun)))
    }

    async fn give_up(
        &self,
        folder: &StoragePath,
        before: SystemTime,
        dry_run: bool,
    ) -> Result<u64> {
        self.inner.give_up(folder, before, dry_run).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        self.inner.upload_checkpoint(session).await
    }
}

// === impl CheckedUpload ===

impl CheckedUpload {
    fn has(&self, size: Option<u64>) -> Result<()> {
        match size == Some(self.inner.size()) {
            true => Ok(()),
            false => Err(self.corrupt("the driver appended something else")),
        }
    }

    fn corrupt(&self, why: &'static str) -> Error {
        Error::new(ErrorKind::Corrupt, &self.session).because(why)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Upload for CheckedUpload {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn checkpoint(&self) -> &Checkpoint {
        self.inner.checkpoint()
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        let more = pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let expected = self.inner.size().checked_add(more);
        self.inner.append(pieces).await?;
        self.has(expected)
    }

    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        let expected = self.inner.size().checked_add(piece.len() as u64);
        let hashed = digester.len().checked_add(piece.len() as u64);
        let digester = self.inner.append_hashed(piece, digester).await?;
        self.has(expected)?;
        match hashed == Some(digester.len()) {
            true => Ok(digester),
            false => Err(self.corrupt("the driver hashed something else")),
        }
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        small(&self.session, state.len(), self.small)?;
        self.inner.save(state).await
    }

    async fn note(&mut self, state: Bytes) -> Result<()> {
        small(&self.session, state.len(), self.small)?;
        self.inner.note(state).await
    }

    async fn read_back(&mut self) -> Result<Content> {
        self.inner.read_back().await
    }

    async fn publish(&mut self, target: &StoragePath) -> Result<Published> {
        below_root(target)?;
        self.inner.publish(target).await
    }

    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        below_root(target)?;
        puts.iter().try_for_each(|put| sound(put, self.small))?;
        self.inner.publish_with(target, puts).await
    }

    async fn discard(&mut self) -> Result<()> {
        self.inner.discard().await
    }
}

fn below_root(path: &StoragePath) -> Result<()> {
    match path.is_root() {
        true => Err(Error::new(ErrorKind::InvalidPath, path).because("the root holds no content")),
        false => Ok(()),
    }
}

fn has_room(folder: &StoragePath, request: ListRequest<'_>) -> Result<()> {
    match request.limit {
        0 => Err(Error::new(ErrorKind::Unsupported, folder).because(NO_ROOM)),
        _ => Ok(()),
    }
}

fn in_order(folder: &StoragePath, page: Listing, request: ListRequest<'_>) -> Result<Listing> {
    let first = page.entries.first().map(|entry| entry.name.as_str());
    let sound = page.entries.len() <= request.limit
        && first.is_none_or(|first| request.after.is_none_or(|after| after < first))
        && page.entries.is_sorted_by(|a, b| a.name < b.name);
    sound.then_some(page).ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, folder).because("the driver listed out of order")
    })
}

fn flat(
    folder: &StoragePath,
    page: Contents,
    ListRequest { after, limit }: ListRequest<'_>,
) -> Result<Contents> {
    let sound = page.files.len() <= limit
        && page.files.is_sorted_by(|a, b| a.path < b.path)
        && page.files.first().is_none_or(|first| Some(first.path.as_str()) > after)
        && !(page.more && page.files.is_empty());
    sound.then_some(page).ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, folder).because("the driver listed out of order")
    })
}

/// As many answers as there were questions, each checked.
fn checked_each<T>(
    (folder, paths): (&StoragePath, &[StoragePath]),
    each: Vec<Result<T>>,
    check: impl Fn(&StoragePath, T) -> Result<T>,
) -> Vec<Result<T>> {
    if each.len() != paths.len() {
        let unsound = "the driver answered something else";
        let unsound = |_| Err(Error::new(ErrorKind::Corrupt, folder).because(unsound));
        return paths.iter().map(unsound).collect();
    }
    each.into_iter().map(|done| done.and_then(|done| check(folder, done))).collect()
}

fn sound(put: &Put, limit: u64) -> Result<()> {
    below_root(&put.path)?;
    small(&put.path, put.content.len(), limit)
}

fn small(path: &StoragePath, length: usize, limit: u64) -> Result<()> {
    match length as u64 <= limit {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::TooLarge { limit }, path)),
    }
}
