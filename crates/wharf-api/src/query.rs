//! The query of a URL.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::{ErrorCode, ErrorInfo};

/// The parameters of a query, percent-decoded, in the order of the request.
///
/// A `+` is a plus, not a space: media types have the one and not the other, and not every client
/// writes `%2B` in `artifactType=application/vnd.example+json`. No value of this API has a space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Why a query was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// More parameters than [`Query::MOST`].
    #[error("more than {} parameters in the query", Query::MOST)]
    TooMany,
    /// What a parameter decodes to is not UTF-8, or has a control character.
    #[error("invalid parameter in the query: {0:?}")]
    Malformed(String),
}

// === impl Query ===

impl<'a> Query<'a> {
    /// The most parameters that are taken.
    pub const MOST: usize = 256;

    /// Reads what stands after the `?`.
    pub fn parse(text: &'a str) -> Result<Self, QueryError> {
        let mut parameters = Vec::new();
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            if parameters.len() == Self::MOST {
                return Err(QueryError::TooMany);
            }
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            parameters.push((decode(name)?, decode(value)?));
        }
        Ok(Self(parameters))
    }

    /// The first value of a parameter, `None` if it is not given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter, in the order of the request.
    pub fn all<'b>(&'b self, name: &str) -> impl Iterator<Item = &'b str> {
        self.iter().filter(move |(given, _)| *given == name).map(|(_, value)| value)
    }

    /// Every parameter, in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

// === impl QueryError ===

impl From<QueryError> for ErrorInfo {
    fn from(error: QueryError) -> Self {
        let status = match error {
            QueryError::TooMany => 414,
            QueryError::Malformed(_) => 400,
        };
        Self::new(ErrorCode::Unsupported).with_status(status).with_detail(error.to_string())
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, QueryError> {
    let malformed = || QueryError::Malformed(text.chars().take(64).collect());
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| malformed())?;
    if decoded.contains(char::is_control) { Err(malformed()) } else { Ok(decoded) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_decoded_once() {
        let text = "artifactType=application%2Fvnd.a%2Bjson&artifactType=application/b+json&\
                    digest=sha256%3Aab&&empty=&bare&x=a%2525=b";
        let query = Query::parse(text).unwrap();
        let types: Vec<_> = query.all("artifactType").collect();
        assert_eq!(types, ["application/vnd.a+json", "application/b+json"]);
        assert_eq!(query.get("digest"), Some("sha256:ab"));
        assert_eq!(query.get("empty"), Some(""));
        assert_eq!(query.get("bare"), Some(""));
        assert_eq!(query.get("x"), Some("a%25=b"));
        assert_eq!(query.get("absent"), None);
    }

    #[test]
    fn broken_queries_are_errors() {
        assert!(matches!(Query::parse("a=%ff"), Err(QueryError::Malformed(_))));
        assert!(matches!(Query::parse("a=%00"), Err(QueryError::Malformed(_))));
        assert!(matches!(Query::parse("a%0d%0a=1"), Err(QueryError::Malformed(_))));
        let many = "tag=a&".repeat(Query::MOST + 1);
        assert_eq!(Query::parse(&many), Err(QueryError::TooMany));
        assert_eq!(ErrorInfo::from(QueryError::TooMany).status(), 414);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}|[a-z%0-9A-F&=+]{0,200}") {
            let _ = Query::parse(&text);
        }
    }
}
