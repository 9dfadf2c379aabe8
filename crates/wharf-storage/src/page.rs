//! Pages that know whether another one follows.

use wharf_core::Page;

/// The page that `found` makes. Whoever looks for one entry more than `limit` knows whether there is
/// another page, and never sends a client for an empty one.
pub(crate) fn cut<T: ToString>(mut found: Vec<T>, limit: usize) -> Page<T> {
    let more = found.len() > limit;
    found.truncate(limit);
    Page { next: found.last().filter(|_| more).map(T::to_string), items: found }
}
