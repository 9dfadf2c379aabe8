//! The tags of a repository.

use http::header;
use serde::Serialize;
use wharf_api::Target;
use wharf_reference::{RepositoryName, Tag};

use crate::{
    answer::Answer,
    call::Call,
    errors::Outcome,
    page::{self, Wanted},
};

/// The size of a page if the client does not say: most clients never follow a link.
const DEFAULT: usize = 10_000;

#[derive(Serialize)]
struct TagList<'a> {
    name: &'a RepositoryName,
    tags: Vec<Tag>,
}

pub(super) async fn list(call: &Call, name: &RepositoryName) -> Outcome {
    let query = call.query()?;
    let wanted = Wanted::of(&query)?;
    let limit = wanted.limit(DEFAULT, call.shared.options.max_tags);
    let repository = call.repository(name);
    // An empty page still has to tell whether the repository exists.
    let mut page =
        page::gather(limit.max(1), wanted.after, |page| repository.tags().list(page)).await?;
    if limit == 0 {
        page = wharf_core::Page::empty();
    }
    let answer = Answer::json("application/json", &TagList { name, tags: page.items });
    Ok(match page.next {
        Some(last) => {
            let n = wanted.n.map(|_| limit as u64);
            let link = call.next_link(&Target::Tags { name: name.clone() }, &query, n, &last);
            answer.with(header::LINK, link)
        }
        None => answer,
    })
}
