//! Whether a redirect is followed, and how.

use http::{Method, Response, StatusCode, Uri, header, request::Parts, uri};

use crate::{Error, error::Server, reach::authority};

/// The headers that tell nothing about who asks. Whatever else a request carries may be a secret.
const HARMLESS: [header::HeaderName; 9] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::HOST,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::RANGE,
    header::USER_AGENT,
];

/// Where the answer sends a `GET` or `HEAD`; `None` if it sends it nowhere. Other requests are not
/// sent twice: their redirect is their answer.
pub(crate) fn next<B>(request: &Parts, answer: &Response<B>) -> Result<Option<Uri>, Error> {
    let redirects = matches!(
        answer.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !redirects || ![Method::GET, Method::HEAD].contains(&request.method) {
        return Ok(None);
    }
    let Some(location) = answer.headers().get(header::LOCATION) else { return Ok(None) };
    let from = &request.uri;
    let Some(to) = location.to_str().ok().and_then(|location| resolve(from, location)) else {
        return Err(Error::exchange(from, "redirects to something that is no URL"));
    };
    let refuse =
        |problem| Err(Error::Redirect { server: Server::of(from), to: Server::of(&to), problem });
    let same = from.scheme() == to.scheme() && authority(from) == authority(&to);
    let secret = |name| !HARMLESS.contains(name);
    if !same && request.headers.keys().any(secret) {
        return refuse("the request carries what another server must not see");
    }
    if from.scheme() == Some(&uri::Scheme::HTTPS) && to.scheme() != Some(&uri::Scheme::HTTPS) {
        return refuse("it would go on without encryption");
    }
    Ok(Some(to))
}

/// A `Location`, relative to the URL that answered with it.
fn resolve(from: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    let first = location.split(['/', '?']).next().unwrap_or_default();
    if first.contains(':') {
        return elsewhere(location);
    }
    if location.starts_with("//") {
        return elsewhere(&format!("{}:{location}", from.scheme_str()?));
    }
    let path = match location.starts_with('/') {
        true => location.to_owned(),
        false => {
            let (folder, _) = from.path().rsplit_once('/')?;
            format!("{folder}/{location}")
        }
    };
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// A URL with a host of its own.
fn elsewhere(url: &str) -> Option<Uri> {
    let to: Uri = url.parse().ok()?;
    let http = matches!(to.scheme_str(), Some("http" | "https"));
    // Credentials that an answer names are none of ours.
    let plain = to.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    (http && plain).then_some(to)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(from: &str, headers: &[&str], location: &str, expected: Result<&str, ()>) {
        let mut request = Request::get(from);
        for name in headers {
            request = request.header(*name, "x");
        }
        let (request, ()) = request.body(()).unwrap().into_parts();
        let answer = Response::builder().status(302).header("location", location).body(()).unwrap();
        let next = next(&request, &answer).map(|to| to.unwrap().to_string()).map_err(drop);
        assert_eq!(next, expected.map(str::to_owned), "{from} {location}");
    }

    #[test]
    fn secrets_stay_with_their_origin() {
        check("http://a/x", &[], "http://b/y", Ok("http://b/y"));
        check("http://a/x", &["accept", "user-agent"], "http://b/y", Ok("http://b/y"));
        check("http://a/x", &["authorization"], "/y?z", Ok("http://a/y?z"));
        check("http://a/x", &["authorization"], "http://A:80/y", Ok("http://A:80/y"));
        for location in ["http://b/y", "http://a:81/y", "https://a/y", "//b/y"] {
            check("http://a/x", &["authorization"], location, Err(()));
            check("http://a/x", &["x-api-key"], location, Err(()));
            check("http://a/x", &["cookie"], location, Err(()));
        }
    }

    #[test]
    fn encryption_is_not_lost_on_the_way() {
        check("https://a/x", &[], "http://a/x", Err(()));
        check("https://a/x", &[], "https://b/x", Ok("https://b/x"));
        check("http://a/x", &[], "https://b/x", Ok("https://b/x"));
    }

    #[test]
    fn only_urls_of_http_are_followed() {
        check("http://a/x/y", &[], "z#fragment", Ok("http://a/x/z"));
        check("http://a/x/y", &[], "//b/z", Ok("http://b/z"));
        for location in
            ["file:///etc/passwd", "gopher://a/", "http://u:p@b/", "//u:p@b/", "ht tp://x"]
        {
            check("http://a/x", &[], location, Err(()));
        }
    }
}
