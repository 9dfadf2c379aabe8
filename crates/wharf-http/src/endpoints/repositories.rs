//! Repositories as a whole.

use http::StatusCode;
use wharf_api::ErrorCode;
use wharf_reference::RepositoryName;

use crate::{
    answer::Answer,
    call::Call,
    errors::{Failure, Outcome},
};

/// `DELETE`: takes away everything that a repository holds.
pub(super) async fn delete(call: &Call, name: &RepositoryName) -> Outcome {
    let remover = call.shared.namespace.repository_remover();
    let none = || Failure::new(ErrorCode::Unsupported, "this registry removes no repositories");
    remover.ok_or_else(none)?.remove(name).await?;
    Ok(Answer::new(StatusCode::ACCEPTED))
}
