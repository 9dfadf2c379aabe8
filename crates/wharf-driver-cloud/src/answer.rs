//! What a store said, read out of an error.

use std::{error::Error as StdError, fmt};

use crate::xml;

/// What a store said, as far as it said anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status of its answer; `None` if there was none.
    pub status: Option<u16>,
    /// Its own name for the error.
    pub code: Option<String>,
    /// What it adds to that, or what the network says, in few words.
    pub text: String,
    /// Whether the store was not reached at all.
    pub unreachable: bool,
}

/// How much of a text is repeated.
const LONGEST: usize = 240;

/// What stands before the status in errors of requests.
const STATUS: &str = "non-2xx status code: ";

/// What is said of a redirect that leads nowhere.
const REDIRECT: &str = "redirect without LOCATION";

// === impl Answer ===

impl Answer {
    /// Reads an error and its causes.
    pub fn of(error: &(dyn StdError + 'static)) -> Self {
        let causes: Vec<String> = causes(error).map(ToString::to_string).collect();
        if let Some(after) = causes.iter().find_map(|cause| Some(cause.split_once(STATUS)?.1)) {
            return Self::answered(after);
        }
        if causes.iter().any(|cause| cause.contains(REDIRECT)) {
            let text = "a redirect without a target".to_owned();
            return Self { status: Some(301), text, ..Self::default() };
        }
        let unreachable = causes.iter().any(|cause| cause.contains("error sending request"));
        let deepest = causes.last().map(String::as_str).unwrap_or_default();
        Self { text: shorten(deepest), unreachable, ..Self::default() }
    }

    /// The status, its reason, a colon, the body.
    fn answered(text: &str) -> Self {
        let status = text.get(..3).and_then(|status| status.parse().ok());
        let body = text.split_once(": ").map(|(_, body)| body).unwrap_or_default();
        let field = |names: &[&str]| names.iter().find_map(|name| field(body, name));
        // XML of stores, JSON of those who give out tokens.
        let code = field(&["Code", "error"]).filter(|code| !code.contains('{'));
        let code = code.or_else(|| word(body));
        let text = field(&["Message", "error_description", "message"]).unwrap_or_default();
        Self { status, code, text: shorten(&text), unreachable: false }
    }

    /// Whether the store calls the error by one of these names.
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map(|status| status.to_string());
        let words = [status.as_deref(), self.code.as_deref()];
        let head = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        match (head.is_empty(), self.text.is_empty()) {
            (true, _) => f.write_str(&self.text),
            (false, true) => f.write_str(&head),
            (false, false) => write!(f, "{head}: {}", self.text),
        }
    }
}

/// What an error says, and its deepest cause, which says why.
pub fn in_full(error: &(dyn StdError + 'static)) -> String {
    let (text, deepest) = (error.to_string(), causes(error).last().map(ToString::to_string));
    match deepest.filter(|deepest| !text.contains(deepest)) {
        Some(deepest) => format!("{text}: {deepest}"),
        None => text,
    }
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// A field of a small document.
fn field(body: &str, name: &str) -> Option<String> {
    if let Some(found) = xml::element(body, name) {
        return Some(xml::unescape(found));
    }
    let (_, after) = body.split_once(&format!("\"{name}\""))?;
    let value = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    Some(value.split('"').next()?.to_owned())
}

/// A body that is one word is a code: errors of our own requests repeat no more of an answer.
fn word(body: &str) -> Option<String> {
    let is_word = !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then(|| body.to_owned())
}

/// One line, not too long, without its full stop.
fn shorten(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Chain {
        text: &'static str,
        source: Option<Box<Chain>>,
    }

    fn chain(texts: &[&'static str]) -> Box<Chain> {
        let chain =
            texts.iter().rev().fold(None, |source, text| Some(Box::new(Chain { text, source })));
        chain.expect("at least one")
    }

    fn answer(texts: &[&'static str]) -> Answer {
        Answer::of(&*chain(texts))
    }

    #[test]
    fn why_is_told_once() {
        let error = chain(&["store: builder error", "builder error", "no certificates"]);
        assert_eq!(in_full(&*error), "store: builder error: no certificates");
        assert_eq!(in_full(&*chain(&["store: no port", "no port"])), "store: no port");
        assert_eq!(in_full(&*chain(&["alone"])), "alone");
    }

    #[test]
    fn an_answer_is_told_by_its_status_and_its_code() {
        let found = answer(&[
            "Generic S3 error",
            "Error performing PUT http://x in 1ms - Server returned non-2xx status code: 404 Not \
             Found: <?xml?><Error><Code>NoSuchBucket</Code><Message>No &lt;such&gt;\n  bucket.\
             </Message></Error>",
        ]);
        assert_eq!((found.status, found.is(&["NoSuchBucket"])), (Some(404), true));
        assert_eq!(found.to_string(), "404 NoSuchBucket: No <such> bucket");
    }

    #[test]
    fn an_answer_in_json_and_one_without_a_body_are_read_too() {
        let json = "non-2xx status code: 400 Bad Request: {\"error\": \"invalid_grant\", \
                    \"error_description\": \"no account\"}";
        assert_eq!(answer(&[json]).to_string(), "400 invalid_grant: no account");
        assert_eq!(answer(&["non-2xx status code: 403 Forbidden: "]).to_string(), "403");
        let word = "non-2xx status code: 403 Forbidden: AccessDenied";
        assert_eq!(answer(&[word]).to_string(), "403 AccessDenied");
        assert_eq!(answer(&["non-2xx status code: 502 Bad Gateway: <p>Oh"]).to_string(), "502");
    }

    #[test]
    fn who_is_not_reached_says_nothing() {
        let found = answer(&["a", "error sending request", "Connection refused (os error 111)"]);
        assert!(found.unreachable && found.status.is_none());
        assert_eq!(found.to_string(), "Connection refused (os error 111)");
    }
}
