//! Requests of our own, with the bounds of those that `object_store` makes.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, future::BoxFuture};
use http::{HeaderMap, StatusCode};
use object_store::{
    Error, Result, RetryConfig,
    client::{HttpClient, HttpRequest},
};

use crate::xml;

/// Sends signed requests through the client of a store.
#[derive(Clone, Debug)]
pub struct Requests {
    store: &'static str,
    client: HttpClient,
    retry: RetryConfig,
}

/// A whole answer, of success.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why one try did not succeed.
struct Failure {
    status: Option<StatusCode>,
    text: String,
    again: bool,
}

/// How much of an answer is repeated in an error.
const LONGEST: usize = 400;

/// No answer to a request of ours is longer.
const MOST: usize = 8 << 20;

// === impl Requests ===

impl Requests {
    /// Through this client; `store` is its name in errors.
    pub fn new(store: &'static str, client: HttpClient, retry: RetryConfig) -> Self {
        Self { store, client, retry }
    }

    /// Sends a request, again and again if the store is away or asks for it, and returns its answer.
    /// Each try is made, and so signed, anew. `about` is the key that the request is about.
    pub async fn send<'a>(
        &self,
        about: &(dyn std::fmt::Display + Sync),
        make: &(dyn Fn() -> BoxFuture<'a, Result<HttpRequest>> + Sync),
    ) -> Result<Reply> {
        let start = Instant::now();
        let mut tries = 0;
        loop {
            let failure = match self.attempt(make().await?).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let out_of_time = start.elapsed() > self.retry.retry_timeout;
            if !failure.again || tries >= self.retry.max_retries || out_of_time {
                return Err(failure.into_error(self.store, about.to_string()));
            }
            tracing::debug!(store = self.store, key = %about, why = failure.text, "trying again");
            tokio::time::sleep(self.wait(tries)).await;
            tries += 1;
        }
    }

    async fn attempt(&self, request: HttpRequest) -> Result<Reply, Failure> {
        let answer = self.client.execute(request).await.map_err(Failure::of)?;
        let (parts, body) = answer.into_parts();
        let mut stream = body.bytes_stream();
        let mut body = BytesMut::new();
        while let Some(piece) = stream.next().await {
            body.extend_from_slice(&piece.map_err(Failure::of)?);
            if body.len() > MOST {
                return Err(Failure { status: None, text: "answer too long".into(), again: false });
            }
        }
        let reply = Reply { status: parts.status, headers: parts.headers, body: body.freeze() };
        match Failure::in_reply(&reply) {
            Some(failure) => Err(failure),
            None => Ok(reply),
        }
    }

    /// Longer with each try, and never the same for two who were refused together.
    fn wait(&self, tries: usize) -> Duration {
        let backoff = &self.retry.backoff;
        let grown = backoff.init_backoff.as_secs_f64() * backoff.base.powi(tries as i32);
        let longest = grown.min(backoff.max_backoff.as_secs_f64());
        let random = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
        Duration::from_secs_f64(longest * (0.5 + random / 2.))
    }
}

// === impl Reply ===

impl Reply {
    /// The body as text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// A header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

// === impl Failure ===

impl Failure {
    fn of(error: object_store::client::HttpError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let text =
            format!("{error}{}", cause.map(|cause| format!(": {cause}")).unwrap_or_default());
        Self { status: None, text, again: true }
    }

    /// Status and code. Some answers begin well and end with an error.
    fn in_reply(reply: &Reply) -> Option<Self> {
        let body = reply.text();
        let error = xml::element(&body, "Error");
        let code = error.and_then(|error| xml::element(error, "Code"));
        let status = reply.status;
        if status.is_success() && error.is_none() {
            return None;
        }
        let again = status.is_success()
            || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Some(Self { status: Some(status), text: code.unwrap_or(&body).to_owned(), again })
    }

    fn into_error(self, store: &'static str, path: String) -> Error {
        let Self { status, text, .. } = self;
        let text: String = text.chars().take(LONGEST).collect();
        let source = match status {
            Some(status) => format!("non-2xx status code: {status}: {text}").into(),
            None => text.into(),
        };
        match status {
            Some(StatusCode::NOT_FOUND) => Error::NotFound { path, source },
            Some(StatusCode::CONFLICT) => Error::AlreadyExists { path, source },
            Some(StatusCode::PRECONDITION_FAILED) => Error::Precondition { path, source },
            Some(StatusCode::FORBIDDEN) => Error::PermissionDenied { path, source },
            Some(StatusCode::UNAUTHORIZED) => Error::Unauthenticated { path, source },
            Some(StatusCode::NOT_IMPLEMENTED) => Error::NotSupported { source },
            _ => Error::Generic { store, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use futures_util::FutureExt;
    use http::{Request, Response};
    use object_store::client::{
        HttpError, HttpErrorKind, HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
    };

    use super::*;

    /// Answers from a list; no answer is a connection that breaks.
    #[derive(Clone, Debug)]
    struct Script(Arc<Mutex<Vec<(u16, &'static str)>>>);

    #[async_trait]
    impl HttpService for Script {
        async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
            let (status, body) = self.0.lock().expect("no panic").remove(0);
            if status == 0 {
                let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return Err(HttpError::new(HttpErrorKind::Interrupted, broken));
            }
            let body = HttpResponseBody::from(Bytes::from_static(body.as_bytes()));
            Ok(Response::builder().status(status).body(body).expect("valid"))
        }
    }

    /// What came of it, and how many answers are left.
    async fn send(answers: &[(u16, &'static str)]) -> (Result<String>, usize) {
        let script = Script(Arc::new(Mutex::new(answers.to_vec())));
        let requests = Requests::new("S3", HttpClient::new(script.clone()), crate::retry());
        let make = || async { Ok(Request::new(HttpRequestBody::empty())) }.boxed();
        let reply = requests.send(&"key", &make).await.map(|reply| reply.text().into_owned());
        let left = script.0.lock().expect("no panic").len();
        (reply, left)
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_succeed_later_is_tried_again() {
        let slow = "<Error><Code>SlowDown</Code></Error>";
        let answers = [(503, slow), (0, ""), (429, ""), (200, slow), (200, "<Done/>")];
        let (reply, left) = send(&answers).await;
        assert_eq!((reply.expect("done"), left), ("<Done/>".to_owned(), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_succeed_is_not() {
        for (status, kind) in [(403, "PermissionDenied"), (404, "NotFound"), (400, "Generic")] {
            let (reply, left) =
                send(&[(status, "<Error><Code>No</Code></Error>"), (200, "")]).await;
            let error = reply.expect_err("refused");
            assert!(format!("{error:?}").starts_with(kind), "{error:?}");
            assert!(error.to_string().contains("No"), "{error}");
            assert_eq!(left, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_tried_for_ever() {
        let (reply, left) = send(&[(500, ""); 20]).await;
        assert!(reply.is_err());
        assert_eq!(left, 20 - 1 - crate::retry().max_retries);
    }
}
