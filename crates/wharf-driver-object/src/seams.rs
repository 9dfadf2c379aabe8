//! What a driver needs of a store.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use object_store::{ObjectStore, Result, list::PaginatedListStore, path::Path};

/// An object store, and what `ObjectStore` leaves out, as far as this one has it.
#[derive(Clone)]
pub struct Store {
    /// The store itself. Its retries and time limits are its own.
    pub objects: Arc<dyn ObjectStore>,
    /// Lists page by page. Without it each list reads all names of a folder.
    pub pages: Option<Arc<dyn PaginatedListStore>>,
    /// Makes one object of several. Without it the bytes are read back ([`ReadBack`](crate::ReadBack)).
    pub assemble: Option<Arc<dyn Assemble>>,
    /// Makes URLs that others may use. Without it there are none.
    pub signer: Option<Arc<dyn Sign>>,
    /// Finds what nobody finished. Without it a store is taken to clean up by itself.
    pub orphans: Option<Arc<dyn Orphans>>,
    /// Whether its client hashes all that it sends, and asks [`Hashed`](crate::Hashed) first.
    pub hashes: bool,
}

/// An object that is part of another one to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it is.
    pub location: Path,
    /// How many bytes it has.
    pub size: u64,
}

/// Makes one object of several, inside of the store.
#[async_trait]
pub trait Assemble: fmt::Debug + Send + Sync {
    /// Makes `target` the bytes of `pieces`, one after another, in one step: a reader sees what was
    /// there before, or all of it. What is there is replaced. Durable when it returns; a copy that
    /// goes on in the background has come to its end.
    ///
    /// There is at least one piece, and at most 10,000; each but the last has 5 MiB or more, and none
    /// has more than 1 GiB. They stay as they are. `NotFound` if one of them is gone. What a failure
    /// leaves unfinished is aborted, as far as the store still answers.
    async fn assemble(&self, pieces: &[Piece], target: &Path) -> Result<()>;
}

/// Makes URLs that others may use.
///
/// This is `object_store::signer::Signer` without the HTTP client that its feature brings: memory
/// needs none.
#[async_trait]
pub trait Sign: fmt::Debug + Send + Sync {
    /// A URL that answers `method`, `GET` or `HEAD`, for an object and for a while.
    async fn sign(&self, method: &str, location: &Path, valid_for: Duration) -> Result<String>;
}

/// An upload that was begun and neither finished nor aborted: it is stored, billed, and seen in no
/// list of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// What would have become of it.
    pub location: Path,
    /// What the store calls it.
    pub id: String,
    /// When it began.
    pub begun: SystemTime,
}

/// Some unfinished uploads, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrphanPage {
    /// In no order.
    pub orphans: Vec<Orphan>,
    /// What to ask for next, `None` at the end.
    pub token: Option<String>,
}

/// Finds unfinished uploads, whoever began them, and aborts them.
#[async_trait]
pub trait Orphans: fmt::Debug + Send + Sync {
    /// One page of those whose key begins with `prefix`, from a token of the page before.
    async fn list(&self, prefix: &str, token: Option<String>) -> Result<OrphanPage>;

    /// Aborts one of them. One that is gone is a success.
    async fn abort(&self, orphan: &Orphan) -> Result<()>;
}

// === impl Store ===

impl Store {
    /// A store without anything else.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, pages: None, assemble: None, signer: None, orphans: None, hashes: false }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest may hold credentials.
        write!(f, "Store({})", self.objects)
    }
}
