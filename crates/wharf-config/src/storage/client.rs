//! What the drivers of all object stores have in common: where below it they keep what they have, and
//! how they talk.

use std::path::PathBuf;

use crate::{
    ConfigError,
    section::{Found, Scalar, Section},
};

/// How a store is talked to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// `rootdirectory`: the folder that everything is kept in, without slashes around it; empty for
    /// the whole store.
    pub root: String,
    /// `useragent`: what is said to be talking, before our own name.
    pub user_agent: Option<String>,
    /// `skipverify`: anybody may pretend to be the store.
    pub skip_verify: bool,
    /// `rootcas`: files of certificates that are trusted besides those of the system.
    pub root_cas: Vec<PathBuf>,
}

/// A number of bytes within bounds.
pub(super) struct Size {
    pub(super) least: u64,
    pub(super) most: u64,
}

/// How much of a word that is none is repeated.
const LONGEST: usize = 60;

struct Root(String);
struct HeaderText(String);
/// A text that is there.
pub(super) struct Text(pub(super) String);

// === impl Client ===

impl Client {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let root_cas = section.items("rootcas")?;
        Ok(Self {
            root: section.value_or("rootdirectory", Root(String::new()))?.0,
            user_agent: section.value("useragent")?.map(|HeaderText(text)| text),
            skip_verify: section.flag("skipverify")?,
            root_cas: root_cas.iter().map(Found::scalar).collect::<Result<_, _>>()?,
        })
    }
}

/// What has to be there.
pub(super) fn required(section: &Section<'_>, key: &str) -> Result<String, ConfigError> {
    match section.value(key)? {
        Some(Text(text)) => Ok(text),
        None => Err(section.missing(key)),
    }
}

/// What may be there; an empty text is nothing, which is how templates leave things out.
pub(super) fn optional<T: Scalar>(
    section: &Section<'_>,
    key: &str,
) -> Result<Option<T>, ConfigError> {
    match section.value::<String>(key)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(_) => section.value(key),
    }
}

/// One of a few words, of which the case does not matter.
pub(super) fn word(
    section: &Section<'_>,
    key: &str,
    words: &'static [&'static str],
) -> Result<Option<&'static str>, ConfigError> {
    let Some(found) = section.find(key) else { return Ok(None) };
    let text: String = found.scalar()?;
    match words.iter().find(|word| word.eq_ignore_ascii_case(&text)) {
        _ if text.is_empty() => Ok(None),
        Some(word) => Ok(Some(word)),
        None => {
            let text: String = text.chars().take(LONGEST).collect();
            Err(found.error(format!("expected one of {}, found {text:?}", words.join(", "))))
        }
    }
}

// === impl Size ===

impl Size {
    pub(super) fn read(
        &self,
        section: &Section<'_>,
        key: &str,
    ) -> Result<Option<u64>, ConfigError> {
        let Some(found) = section.find(key) else { return Ok(None) };
        let Self { least, most } = *self;
        match found.scalar()? {
            0 => Ok(None),
            size if size < least || size > most => {
                Err(found.error(format!("expected {least} to {most} bytes, found {size}")))
            }
            size => Ok(Some(size)),
        }
    }
}

// === impl Scalar ===

impl Scalar for Root {
    const EXPECTED: &'static str = "a path of letters, digits, slashes and any of . _ + -, without \
                                    empty parts, . and ..";

    fn read(text: &str) -> Option<Self> {
        let root = text.strip_prefix('/').unwrap_or(text);
        let root = root.strip_suffix('/').unwrap_or(root);
        let is_part = |part: &str| {
            (1..=255).contains(&part.len())
                && !matches!(part, "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
        };
        (root.is_empty() || root.split('/').all(is_part)).then(|| Self(root.to_owned()))
    }
}

impl Scalar for HeaderText {
    const EXPECTED: &'static str = "printable ASCII";

    fn read(text: &str) -> Option<Self> {
        text.bytes().all(|byte| (b' '..=b'~').contains(&byte)).then(|| Self(text.to_owned()))
    }
}

impl Scalar for Text {
    const EXPECTED: &'static str = "a text";

    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}
