//! What the operator, or the cloud's crate, chooses.

use std::time::Duration;

/// How a driver uses its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder of the bucket below which everything lies, without slashes around it; empty for
    /// the bucket itself.
    pub prefix: String,
    /// Whether create-if-absent holds in this store: what [`probe`](crate::probe)
    /// found out.
    pub create_if_absent: bool,
    /// Whether what is stored outlives the process.
    pub persistent: bool,
    /// The most bytes of all uploads together that are held until they are stored.
    pub memory: usize,
    /// Whether the store's client has multipart uploads; without them, large content does not go
    /// straight to its place.
    pub multipart: bool,
    /// Whether the store gives the keys below a prefix, however deep they are, in their byte order.
    pub byte_order: bool,
    /// How long one request may take, its retries included, and one read of a body.
    pub patience: Duration,
}

impl Options {
    /// For a folder of a bucket in which what is stored lasts.
    pub fn lasting(prefix: &str, create_if_absent: bool) -> Self {
        Self { prefix: prefix.to_owned(), create_if_absent, persistent: true, ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            create_if_absent: true,
            persistent: false,
            memory: 512 << 20,
            multipart: true,
            byte_order: true,
            patience: Duration::from_secs(300),
        }
    }
}
