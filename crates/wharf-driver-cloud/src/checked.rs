//! Answers that cannot be, told before anybody computes with them.

use async_trait::async_trait;
use http::header::CONTENT_RANGE;
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};

/// A client that refuses what its store cannot mean.
#[derive(Debug)]
pub(crate) struct Checked(pub(crate) HttpClient);

/// Says what cannot be.
#[derive(Debug, thiserror::Error)]
#[error("the store sent an impossible Content-Range: {0:?}")]
struct Impossible(String);

#[async_trait]
impl HttpService for Checked {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.0.execute(request).await?;
        let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        match range.filter(|range| !is_possible(range)) {
            None => Ok(answer),
            Some(range) => Err(HttpError::new(HttpErrorKind::Decode, Impossible(range.to_owned()))),
        }
    }
}

/// Whether a range ends before the largest number, after which no byte has a place. Garage ends the range
/// of an empty object there, and `object_store` counts on from it.
fn is_possible(range: &str) -> bool {
    let last = range.split_once('-').and_then(|(_, rest)| rest.split('/').next());
    last.and_then(|last| last.trim().parse().ok()) != Some(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Request, Response};
    use object_store::client::{HttpRequestBody, HttpResponseBody};

    use super::*;

    /// Answers with the range that it is asked for.
    #[derive(Debug)]
    struct Echo;

    #[async_trait]
    impl HttpService for Echo {
        async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
            let range = request.headers()["range"].clone();
            let answer = Response::builder().status(206).header(CONTENT_RANGE, range);
            Ok(answer.body(HttpResponseBody::from(Bytes::new())).expect("valid"))
        }
    }

    #[tokio::test]
    async fn a_range_beyond_all_numbers_is_refused() {
        let client = Checked(HttpClient::new(Echo));
        for (range, possible) in [
            ("bytes 0-18446744073709551615/0", false),
            ("bytes 5-18446744073709551615/7", false),
            ("bytes 0-18446744073709551614/18446744073709551615", true),
            ("bytes 0-0/1", true),
            ("bytes */0", true),
            ("nonsense", true),
        ] {
            let request = Request::get("/").header("range", range);
            let answer = client.call(request.body(HttpRequestBody::empty()).expect("valid")).await;
            match answer {
                Ok(_) => assert!(possible, "{range}"),
                Err(error) => {
                    assert!(!possible, "{range}");
                    let cause = std::error::Error::source(&error).expect("a cause").to_string();
                    assert!(cause.contains(range), "{cause}");
                }
            }
        }
    }
}
