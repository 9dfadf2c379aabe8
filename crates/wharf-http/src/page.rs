//! Lists by page: what the client asks for, and how it goes on.

use futures_util::future::BoxFuture;
use serde_json::json;
use wharf_api::{ErrorCode, ErrorInfo, Query};
use wharf_core::{Page, PageRequest};

use crate::errors::{Failure, Outcome};

/// Which page a client wants.
pub(crate) struct Wanted {
    /// `n`, as far as 64 bits reach.
    pub(crate) n: Option<u64>,
    /// `last`.
    pub(crate) after: Option<String>,
}

/// How often a page that is not full yet is asked to go on.
const ROUNDS: usize = 100;

// === impl Wanted ===

impl Wanted {
    /// Reads `n` and `last`. An empty parameter counts as none, as docker/distribution has it.
    pub(crate) fn of(query: &Query<'_>) -> Outcome<Self> {
        let given = |name| query.get(name).filter(|value| !value.is_empty());
        let n = given("n").map(|n| number(n).ok_or_else(|| invalid(n))).transpose()?;
        Ok(Self { n, after: given("last").map(str::to_owned) })
    }

    /// The size of the page: `n`, but at most `most`; `default` if it was not asked for.
    pub(crate) fn limit(&self, default: usize, most: usize) -> usize {
        self.n.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX).min(most))
    }
}

/// The refusal of a number.
pub(crate) fn invalid(n: impl Into<serde_json::Value>) -> Failure {
    let detail = json!({ "n": n.into() });
    ErrorInfo::new(ErrorCode::PaginationNumberInvalid).with_detail(detail).into()
}

/// A full page, from a list that may hand out less at a time than was asked for.
pub(crate) async fn gather<'a, T>(
    limit: usize,
    after: Option<String>,
    fetch: impl Fn(PageRequest) -> BoxFuture<'a, wharf_core::Result<Page<T>>>,
) -> wharf_core::Result<Page<T>> {
    let mut page = fetch(PageRequest { after, limit }).await?;
    for _ in 0..ROUNDS {
        let missing = limit.saturating_sub(page.items.len());
        if missing == 0 || page.next.is_none() {
            break;
        }
        let more = fetch(PageRequest { after: page.next.take(), limit: missing }).await?;
        page.items.extend(more.items);
        page.next = more.next;
    }
    Ok(page)
}

fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(query: &str) -> Option<(Option<u64>, Option<String>)> {
        let wanted = Wanted::of(&Query::parse(query).unwrap()).ok()?;
        Some((wanted.n, wanted.after))
    }

    #[test]
    fn numbers_are_digits() {
        assert_eq!(wanted(""), Some((None, None)));
        assert_eq!(wanted("n=&last="), Some((None, None)));
        assert_eq!(wanted("n=5&last=a"), Some((Some(5), Some("a".into()))));
        assert_eq!(wanted("n=99999999999999999999999"), Some((Some(u64::MAX), None)));
        for bad in ["n=-1", "n=%2B1", "n=1.5", "n=x", "n=0x1", "n=%20", "n=1e3"] {
            assert_eq!(wanted(bad), None, "{bad}");
        }
    }

    #[test]
    fn nothing_is_as_large_as_a_client_says() {
        let wanted = Wanted { n: Some(u64::MAX), after: None };
        assert_eq!(wanted.limit(10, 1000), 1000);
        assert_eq!(Wanted { n: None, after: None }.limit(10, 1000), 10);
    }

    #[tokio::test]
    async fn short_pages_are_filled() {
        let fetch = |request: PageRequest| -> BoxFuture<'_, wharf_core::Result<Page<u32>>> {
            let at: u32 = request.after.map_or(0, |after| after.parse().unwrap());
            // One at a time, and an empty page now and then.
            let items = if at.is_multiple_of(3) { vec![] } else { vec![at] };
            let next = (at < 9).then(|| (at + 1).to_string());
            Box::pin(async move { Ok(Page { items, next }) })
        };
        let page = gather(3, None, fetch).await.unwrap();
        assert_eq!((page.items, page.next.as_deref()), (vec![1, 2, 4], Some("5")));
        let page = gather(9, None, fetch).await.unwrap();
        assert_eq!((page.items, page.next), (vec![1, 2, 4, 5, 7, 8], None));
    }
}
