//! Lists are read by page.

/// Which page of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Only what comes strictly after this; `None` begins at the start. It need not exist. Either
    /// the name of an entry or the [`Page::next`] of the page before.
    pub after: Option<String>,
    /// The most entries that the page may hold.
    pub limit: usize,
}

/// One page of a list, in the byte order of the entries' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries; may be fewer than asked for although more follow.
    pub items: Vec<T>,
    /// Where the next page begins, `None` at the end of the list.
    pub next: Option<String>,
}

// === impl PageRequest ===

impl PageRequest {
    /// The first page, of at most `limit` entries.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }
}

// === impl Page ===

impl<T> Page<T> {
    /// The page of a list that has nothing (more).
    pub fn empty() -> Self {
        Self { items: Vec::new(), next: None }
    }
}
