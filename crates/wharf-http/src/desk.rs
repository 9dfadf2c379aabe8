//! A desk beside the API: its requests and answers are carried, and looked at no further.

use http::header;
use wharf_api::ErrorCode;
use wharf_auth::{Desk, Visit};

use crate::{
    Secure,
    answer::Answer,
    authorize::Caller,
    errors::{Failure, Outcome},
    incoming::{CollectFault, Incoming},
};

/// The most bytes of a request's body.
const LARGEST: u64 = 64 << 10;

/// The answer of a desk.
pub(crate) async fn visit(desk: &dyn Desk, caller: Caller<'_>, body: &mut Incoming) -> Outcome {
    let Caller { parts, request_id, remote, client, .. } = caller;
    let body = match body.collect(LARGEST).await {
        Ok(body) => body,
        Err(CollectFault::TooLarge) => {
            return Err(Failure::new(ErrorCode::SizeInvalid, "the body is too large"));
        }
        Err(CollectFault::Body(fault)) => return Err(fault.into()),
    };
    let answer = desk.answer(Visit {
        method: &parts.method,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
        remote,
        client,
        request_id,
        certificate: parts.extensions.get::<Secure>().and_then(Secure::client_certificate),
    });
    let (head, body) = answer.await.into_parts();
    let mut answer = Answer::new(head.status).body(body);
    for (name, value) in &head.headers {
        if name != header::CONTENT_LENGTH {
            answer = answer.with(name.clone(), value.clone());
        }
    }
    Ok(answer)
}
