//! Queries, and the link to the next page that repeats them.

use wharf_api::{ErrorInfo, Query, next_link};

use crate::input::{expect_message, text};

/// What the `Link` header says is what was asked for, and nothing breaks out of it.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(error) => {
            expect_message(&error);
            return assert!((400..500).contains(&ErrorInfo::from(error).status()));
        }
    };
    assert!(query.iter().count() <= Query::MOST);
    for (name, value) in query.iter() {
        assert!(query.all(name).any(|given| given == value));
        assert!(query.get(name).is_some());
        assert!(!name.contains(char::is_control) && !value.contains(char::is_control));
    }
    followed(&query);
}

fn followed(query: &Query<'_>) {
    let last = query.get("last").unwrap_or("v1");
    let link = next_link("/v2/a/tags/list", query, Some(7), last);
    assert!(link.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{link:?}");
    let next = link.strip_prefix("</v2/a/tags/list?").expect("the path comes first");
    let next = next.strip_suffix(">; rel=\"next\"").expect("the relation comes last");
    assert!(!next.contains(['<', '>', '"', ' ', ',']), "{link:?}");
    // `n` and `last` are added; a query that is full has no room for them.
    if query.iter().count() + 2 > Query::MOST {
        return;
    }
    let next = Query::parse(next).expect("a query that we wrote");
    assert_eq!((next.get("n"), next.get("last")), (Some("7"), Some(last)));
    let others = |query: &Query<'_>| -> Vec<(String, String)> {
        let others = query.iter().filter(|(name, _)| !matches!(*name, "n" | "last"));
        others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    assert_eq!(others(&next), others(query));
}
