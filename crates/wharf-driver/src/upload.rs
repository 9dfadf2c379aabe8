//! Large content on its way in.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join;
use tokio::task::spawn_blocking;
use wharf_content::Content;
use wharf_digest::Digester;

use crate::{Error, ErrorKind, Put, Result, StoragePath};

/// The one writer of an upload session, or one of several
/// ([`Capabilities::optimistic_sessions`](crate::Capabilities::optimistic_sessions)). Dropping it leaves the session at its last checkpoint and
/// lets the next writer in.
#[async_trait]
pub trait Upload: Send + Sync {
    /// How many bytes the session holds, those not yet durable included.
    fn size(&self) -> u64;

    /// The last checkpoint; when the session was taken up, `size` was its length.
    fn checkpoint(&self) -> &Checkpoint;

    /// Appends pieces, in order. After a failure the session may only be taken up again.
    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()>;

    /// Appends a piece, and has a digester take the same bytes: in any order, or at the same time. A
    /// driver that needs a digest of its own may compute both at once.
    async fn append_hashed(&mut self, piece: Bytes, digester: Digester) -> Result<Digester> {
        append_beside(self, piece, digester).await
    }

    /// Makes everything appended durable, and then, in one step, the length and `state` as the new
    /// checkpoint. `Busy` if sessions are optimistic, and another writer has saved since this one took
    /// it up.
    async fn save(&mut self, state: Bytes) -> Result<()>;

    /// As [`Upload::save`], but a power cut may take the new checkpoint away: the session then stands
    /// at an earlier one. The bytes that a checkpoint counts are durable before it is written, so
    /// that whichever is found is true.
    async fn note(&mut self, state: Bytes) -> Result<()> {
        self.save(state).await
    }

    /// Everything that was appended, to be read back; the session goes on afterwards.
    async fn read_back(&mut self) -> Result<Content>;

    /// Makes what was appended the content of `target`, whole and durable. Content of the same size
    /// that is there already stays; content of another size is damaged, and is replaced. The session
    /// stays as it was, until it is discarded, and can never change what was published.
    async fn publish(&mut self, target: &StoragePath) -> Result<Published>;

    /// [`Upload::publish`] for who puts small content afterwards: if the driver can do both at less than the
    /// price of each, it puts that too, in any order, once what is published is durable. If not, all of it
    /// comes back, and is for the caller to put.
    async fn publish_with(
        &mut self,
        target: &StoragePath,
        puts: Vec<Put>,
    ) -> Result<(Published, Vec<Put>)> {
        Ok((self.publish(target).await?, puts))
    }

    /// Drops what the driver keeps of the session. Needs no durability.
    async fn discard(&mut self) -> Result<()>;
}

/// Where a session can be taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The bytes that count; they are durable.
    pub length: u64,
    /// What the caller saved with them, empty if nothing was ever saved.
    pub state: Bytes,
}

/// What a publication did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The content is new.
    New,
    /// Content of the same size was there, and is durable.
    Existed,
    /// Content of another size was there, and is replaced.
    Repaired,
}

/// [`Upload::append_hashed`] for a driver that appends while another thread hashes.
pub async fn append_beside<U: Upload + ?Sized>(
    upload: &mut U,
    piece: Bytes,
    digester: Digester,
) -> Result<Digester> {
    let hashing = hash(digester, piece.clone());
    let (hashed, appended) = join(hashing, upload.append(vec![piece])).await;
    appended?;
    hashed.map_err(|error| Error::new(ErrorKind::Other, "an upload").because(error))
}

/// Less is hashed in the time that a trip to a blocking thread takes, in bytes.
const AT_ONCE: usize = 16 << 10;

/// Has a digester take bytes. It fails only where the runtime ends.
pub async fn hash(mut digester: Digester, bytes: Bytes) -> io::Result<Digester> {
    hashing(bytes.len(), move || {
        digester.update(&bytes);
        digester
    })
    .await
}

/// Lets something hash so many bytes, on a blocking thread if they are many. It fails only where the runtime
/// ends.
pub async fn hashing<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    if bytes <= AT_ONCE { Ok(work()) } else { Ok(spawn_blocking(work).await?) }
}
