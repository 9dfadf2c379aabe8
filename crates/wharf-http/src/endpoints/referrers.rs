//! The manifests that have another one as their subject.

use http::{HeaderValue, header};
use serde::Serialize;
use wharf_api::{ErrorCode, ErrorInfo, Target};
use wharf_core::{Page, PageRequest};
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, media_types};
use wharf_reference::RepositoryName;

use crate::{
    answer::{Answer, OCI_FILTERS_APPLIED},
    call::Call,
    errors::Outcome,
    page::Wanted,
};

/// The most entries of a page.
const MOST: usize = 1000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

pub(super) async fn list(call: &Call, name: &RepositoryName, subject: &Digest) -> Outcome {
    let query = call.query()?;
    let wanted = Wanted::of(&query)?;
    let artifact_type = query.get("artifactType").filter(|kind| !kind.is_empty());
    let limit = wanted.limit(MOST, MOST);
    let repository = call.repository(name);
    let Some(lister) = repository.referrers() else {
        return Err(ErrorInfo::new(ErrorCode::Unsupported).with_status(404).into());
    };
    let page = match limit {
        0 => Page::empty(),
        // One page of the lister, however short: it ends where its text would become too long.
        _ => {
            let page = PageRequest { after: wanted.after.clone(), limit };
            let listed = lister.referrers(subject, artifact_type, page).await;
            listed
                .or_else(|error| if error.is_unknown() { Ok(Page::empty()) } else { Err(error) })?
        }
    };
    let index =
        Index { schema_version: 2, media_type: media_types::OCI_INDEX, manifests: page.items };
    let mut answer = Answer::json(media_types::OCI_INDEX, &index);
    if artifact_type.is_some() {
        answer = answer.with(OCI_FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    if let Some(last) = page.next {
        let target = Target::Referrers { name: name.clone(), digest: *subject };
        let n = wanted.n.map(|_| limit as u64);
        answer = answer.with(header::LINK, call.next_link(&target, &query, n, &last));
    }
    Ok(answer)
}
