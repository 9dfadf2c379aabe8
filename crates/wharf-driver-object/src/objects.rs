//! The requests, each with its limit in time, and with the contract's conditions.

use std::{future::Future, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    Error as Stored, GetOptions, GetResult, ObjectMeta, PutMode, PutOptions, PutPayload, path::Path,
};
use tokio::time::timeout;
use wharf_driver::{Error, ErrorKind, Published, Result, StoragePath};

use crate::{
    Assemble, Options, Piece, ReadBack, Store, buffer::Buffer, error::at, hashed::sending,
};

/// The objects below a prefix.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) store: Store,
    prefix: Path,
    pub(crate) patience: Duration,
    pub(crate) create_if_absent: bool,
}

/// How often a conflict without a winner is tried again.
const TRIES: usize = 5;

// === impl Objects ===

impl Objects {
    pub(crate) fn new(store: Store, options: &Options) -> Result<Self> {
        let Options { patience, create_if_absent, .. } = *options;
        let prefix = Path::parse(&options.prefix)
            .map_err(|error| Error::new(ErrorKind::InvalidPath, &options.prefix).because(error))?;
        Ok(Self { store, prefix, patience, create_if_absent })
    }

    /// The key of a path.
    pub(crate) fn key(&self, path: &StoragePath) -> Path {
        match (self.prefix.is_root(), path.is_root()) {
            (_, true) => self.prefix.clone(),
            (true, false) => parsed(path.as_str().to_owned()),
            (false, false) => parsed(format!("{}/{path}", self.prefix)),
        }
    }

    /// What the keys of everything below a folder begin with.
    pub(crate) fn below(&self, folder: &StoragePath) -> String {
        let mut prefix = self.key(folder).to_string();
        if !prefix.is_empty() {
            prefix.push('/');
        }
        prefix
    }

    /// Waits for a request, within bounds.
    pub(crate) async fn within<T>(
        &self,
        key: &(impl std::fmt::Display + ?Sized),
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        match timeout(self.patience, request).await {
            Ok(answer) => answer.map_err(|error| at(key, error)),
            Err(_) => Err(no_answer(key)),
        }
    }
}

// === impl Objects: reading ===

impl Objects {
    pub(crate) async fn get(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.within(key, self.store.objects.get_opts(key, options)).await
    }

    /// Describes an object, `None` if there is none.
    pub(crate) async fn head(&self, key: &Path) -> Result<Option<ObjectMeta>> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.get(key, options).await {
            Ok(result) => Ok(Some(result.meta)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A whole object of at most `limit` bytes.
    pub(crate) async fn read(&self, key: &Path, limit: u64) -> Result<Bytes> {
        let result = self.get(key, GetOptions::default()).await?;
        let size = result.meta.size;
        if size > limit {
            return Err(Error::new(ErrorKind::TooLarge { limit }, key));
        }
        let mut body = self.body(key, result);
        let Some(first) = body.try_next().await? else { return Ok(Bytes::new()) };
        if first.len() as u64 == size {
            return Ok(first);
        }
        let mut gathered = BytesMut::from(first);
        while let Some(piece) = body.try_next().await? {
            gathered.extend_from_slice(&piece);
        }
        match gathered.len() as u64 == size {
            true => Ok(gathered.freeze()),
            false => Err(Error::new(ErrorKind::Unavailable, key).because("the body was cut short")),
        }
    }

    /// The bytes of an answer, each wait for the next ones within bounds.
    pub(crate) fn body(&self, key: &Path, result: GetResult) -> BoxStream<'static, Result<Bytes>> {
        let (key, patience) = (key.clone(), self.patience);
        let stream = result.into_stream();
        futures_util::stream::try_unfold(
            (stream, key, patience),
            async |(mut stream, key, patience)| match timeout(patience, stream.next()).await {
                Ok(None) => Ok(None),
                Ok(Some(Ok(piece))) => Ok(Some((piece, (stream, key, patience)))),
                Ok(Some(Err(error))) => Err(at(&key, error)),
                Err(_) => Err(no_answer(&key)),
            },
        )
        .boxed()
    }
}

// === impl Objects: writing ===

impl Objects {
    /// [`Objects::put`], of bytes whose hash may be known.
    pub(crate) async fn put_buffer(&self, key: &Path, buffer: &Buffer) -> Result<()> {
        sending(buffer.hashed(), self.put(key, buffer.payload())).await
    }

    pub(crate) async fn put(&self, key: &Path, content: impl Into<PutPayload>) -> Result<()> {
        let put = self.store.objects.put_opts(key, content.into(), PutOptions::default());
        self.within(key, put).await.map(drop)
    }

    /// Stores an object unless there is one; says whether it did. Where the store does not hold to
    /// it, this is a look and then a write.
    pub(crate) async fn create(&self, key: &Path, content: impl Into<PutPayload>) -> Result<bool> {
        let content = content.into();
        if !self.create_if_absent {
            if self.head(key).await?.is_some() {
                return Ok(false);
            }
            return self.put(key, content).await.map(|()| true);
        }
        for _ in 0..TRIES {
            let options = PutOptions::from(PutMode::Create);
            let put = self.store.objects.put_opts(key, content.clone(), options);
            match timeout(self.patience, put).await {
                Err(_) => return Err(no_answer(key)),
                Ok(Ok(_)) => return Ok(true),
                Ok(Err(Stored::AlreadyExists { .. } | Stored::Precondition { .. })) => {}
                Ok(Err(error)) => return Err(at(key, error)),
            }
            // A store may refuse two at the same time, and then none of them has won.
            if self.head(key).await?.is_some() {
                return Ok(false);
            }
        }
        Err(Error::new(ErrorKind::Unavailable, key).because("others keep writing it"))
    }

    /// Makes small content that which is at `key` in the end: what is there stays if it has this size, and
    /// is replaced if not.
    pub(crate) async fn publish(&self, key: &Path, buffer: &Buffer) -> Result<Published> {
        let publish = self.publish_payload(key, buffer.len(), buffer.payload());
        sending(buffer.hashed(), publish).await
    }

    async fn publish_payload(
        &self,
        key: &Path,
        size: u64,
        content: PutPayload,
    ) -> Result<Published> {
        if self.create(key, content.clone()).await? {
            return Ok(Published::New);
        }
        if self.head(key).await?.is_some_and(|there| there.size == size) {
            return Ok(Published::Existed);
        }
        self.put(key, content).await.map(|()| Published::Repaired)
    }

    /// Makes `target` of pieces.
    pub(crate) async fn assemble(&self, pieces: &[Piece], target: &Path) -> Result<()> {
        let read_back = ReadBack::new(self.store.objects.clone());
        let assemble: &dyn Assemble = match &self.store.assemble {
            Some(assemble) => &**assemble,
            None => &read_back,
        };
        // Each of its requests has its limit; all of them together take as long as they are many.
        let patience = self.patience.saturating_mul(1 + (pieces.len() / 8) as u32);
        match timeout(patience, assemble.assemble(pieces, target)).await {
            Ok(done) => done.map_err(|error| at(target, error)),
            Err(_) => Err(no_answer(target)),
        }
    }

    /// Removes objects, those that are there; says how many were named.
    pub(crate) async fn remove(
        &self,
        folder: &Path,
        keys: BoxStream<'static, object_store::Result<Path>>,
    ) -> Result<u64> {
        let mut removed = self.store.objects.delete_stream(keys);
        let mut count = 0;
        loop {
            match timeout(self.patience, removed.next()).await {
                Ok(None) => return Ok(count),
                // Somebody else was faster.
                Ok(Some(Ok(_) | Err(Stored::NotFound { .. }))) => count += 1,
                Ok(Some(Err(error))) => return Err(at(folder, error)),
                Err(_) => return Err(no_answer(folder)),
            }
        }
    }
}

pub(crate) fn no_answer(key: &(impl std::fmt::Display + ?Sized)) -> Error {
    Error::new(ErrorKind::Unavailable, key).because("no answer in time")
}

fn parsed(key: String) -> Path {
    Path::parse(key).expect("a prefix and a path have no empty component")
}
