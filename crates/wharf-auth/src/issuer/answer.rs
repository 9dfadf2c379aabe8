//! What the desk answers, in words that clients of the Docker token specification and of OAuth 2
//! understand.

use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;

use crate::{Challenge, Rejection};

/// A token, and what is said about it.
pub(crate) struct Answer {
    pub(crate) token: String,
    /// Gets further ones, without the password.
    pub(crate) session: Option<String>,
    pub(crate) lifetime: Duration,
    pub(crate) scope: String,
}

/// No token.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// As OAuth 2 names it.
    error: &'static str,
    message: &'static str,
    retry_after: Option<Duration>,
    /// What the log is told.
    pub(crate) problem: Option<String>,
}

// === impl Answer ===

impl Answer {
    pub(crate) fn response(self) -> Response<String> {
        let mut body = json!({
            "token": self.token, "access_token": self.token, "token_type": "Bearer",
            "expires_in": self.lifetime.as_secs(), "scope": self.scope,
        });
        if let Some(session) = self.session {
            body["refresh_token"] = session.into();
        }
        respond(StatusCode::OK, &body)
    }
}

// === impl Refusal ===

impl Refusal {
    /// The request is none.
    pub(crate) fn invalid(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// It asks in a way that is not known here.
    pub(crate) fn unsupported(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", message)
    }

    fn new(status: StatusCode, error: &'static str, message: &'static str) -> Self {
        Self { status, error, message, retry_after: None, problem: None }
    }

    /// How the audit log names it.
    pub(crate) fn outcome(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::BAD_REQUEST => "denied",
            _ => "undecided",
        }
    }

    pub(crate) fn response(self, method: &Method, service: &str) -> Response<String> {
        let code = match self.status {
            StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
            StatusCode::TOO_MANY_REQUESTS => "TOOMANYREQUESTS",
            StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
            _ => "UNSUPPORTED",
        };
        let body = json!({
            "errors": [{"code": code, "message": self.message}],
            "error": self.error, "error_description": self.message,
        });
        let mut response = respond(self.status, &body);
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED && method == Method::GET {
            let challenge = Challenge::basic(service).basic_value();
            headers.extend(challenge.map(|value| (header::WWW_AUTHENTICATE, value)));
        }
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let (mut refusal, problem) = match rejection {
            Rejection::Invalid(problem) => {
                let message = "wrong user, password or token";
                (Self::new(StatusCode::UNAUTHORIZED, "invalid_grant", message), problem)
            }
            Rejection::Unavailable(problem) => {
                let message = "credentials cannot be checked now";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                (Self::new(status, "temporarily_unavailable", message), problem)
            }
            Rejection::Busy(after) => {
                let message = "too many credentials wait to be checked";
                let mut refusal =
                    Self::new(StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", message);
                refusal.retry_after = Some(after);
                (refusal, message.to_owned())
            }
        };
        refusal.problem = Some(problem);
        refusal
    }
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

fn respond(status: StatusCode, body: &serde_json::Value) -> Response<String> {
    let mut response = Response::new(body.to_string());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
