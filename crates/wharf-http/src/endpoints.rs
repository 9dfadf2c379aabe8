//! The handlers, one file for each endpoint.

mod base;
mod blobs;
mod catalog;
mod manifests;
mod multipart;
mod receive;
mod referrers;
mod repositories;
mod tags;
mod uploads;

use wharf_api::{Operation, RouteError, Row, Target};

use crate::{call::Call, errors::Outcome, incoming::Incoming};

/// Does what a row of the table says.
pub(crate) async fn serve(
    call: &Call,
    row: &'static Row,
    target: &Target,
    body: &mut Incoming,
) -> Outcome {
    use Operation as Op;
    match (row.operation, target) {
        (Op::Alive, _) => base::alive(),
        (Op::Base, _) => base::base(),
        (Op::CatalogList, _) => catalog::list(call).await,
        (Op::TagsList, Target::Tags { name }) => tags::list(call, name).await,
        (Op::ManifestGet | Op::ManifestHead, Target::Manifest { name, reference }) => {
            manifests::get(call, name, reference).await
        }
        (Op::ManifestPut, Target::Manifest { name, reference }) => {
            manifests::put(call, name, reference, body).await
        }
        (Op::ManifestDelete, Target::Manifest { name, reference }) => {
            manifests::delete(call, name, reference).await
        }
        (Op::BlobGet | Op::BlobHead, Target::Blob { name, digest }) => {
            blobs::get(call, name, digest).await
        }
        (Op::BlobDelete, Target::Blob { name, digest }) => blobs::delete(call, name, digest).await,
        (Op::UploadStart, Target::Uploads { name }) => uploads::start(call, name, body).await,
        (Op::UploadStatus, Target::Upload { name, id }) => uploads::status(call, name, id).await,
        (Op::UploadAppend, Target::Upload { name, id }) => {
            uploads::append(call, name, id, body).await
        }
        (Op::UploadCommit, Target::Upload { name, id }) => {
            uploads::commit(call, name, id, body).await
        }
        (Op::UploadCancel, Target::Upload { name, id }) => uploads::cancel(call, name, id).await,
        (Op::ReferrersList, Target::Referrers { name, digest }) => {
            referrers::list(call, name, digest).await
        }
        (Op::RepositoryDelete, Target::Repository { name }) => {
            repositories::delete(call, name).await
        }
        // The table never joins an operation with another endpoint's path.
        _ => Err(RouteError::NotFound(target.to_string()).info(call.method.as_str()).into()),
    }
}
