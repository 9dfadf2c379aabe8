//! `/` and `/v2/`: the server lives, and speaks this API.

use http::{HeaderValue, StatusCode, header};

use crate::{answer::Answer, errors::Outcome};

pub(super) fn alive() -> Outcome {
    let no_cache = HeaderValue::from_static("no-cache");
    Ok(Answer::new(StatusCode::OK).with(header::CACHE_CONTROL, no_cache))
}

pub(super) fn base() -> Outcome {
    let json = HeaderValue::from_static("application/json");
    Ok(Answer::new(StatusCode::OK).with(header::CONTENT_TYPE, json).body("{}"))
}
