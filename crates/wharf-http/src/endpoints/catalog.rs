//! The repositories of the registry.

use http::header;
use serde::Serialize;
use wharf_api::Target;
use wharf_reference::RepositoryName;

use crate::{
    answer::Answer,
    call::Call,
    errors::Outcome,
    page::{self, Wanted},
};

/// The size of a page if the client does not say.
const DEFAULT: usize = 100;

#[derive(Serialize)]
struct Catalog {
    repositories: Vec<RepositoryName>,
}

pub(super) async fn list(call: &Call) -> Outcome {
    let query = call.query()?;
    let wanted = Wanted::of(&query)?;
    let most = call.shared.options.catalog_max_entries;
    if let Some(n) = wanted.n.filter(|n| *n > most as u64) {
        return Err(page::invalid(n));
    }
    let limit = wanted.limit(DEFAULT.min(most), most);
    if limit == 0 {
        return Ok(Answer::json("application/json", &Catalog { repositories: Vec::new() }));
    }
    let namespace = &call.shared.namespace;
    let page = page::gather(limit, wanted.after, |page| namespace.repositories(page)).await?;
    let answer = Answer::json("application/json", &Catalog { repositories: page.items });
    Ok(match page.next {
        Some(last) => {
            let link = call.next_link(&Target::Catalog, &query, Some(limit as u64), &last);
            answer.with(header::LINK, link)
        }
        None => answer,
    })
}
