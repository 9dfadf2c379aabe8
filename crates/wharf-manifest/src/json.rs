//! JSON read strictly: bounded in depth and number, and no key in two spellings.
//!
//! Values stay raw text until someone asks for them, so that what is unknown is skipped without
//! being built.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
    },
};
use serde_json::value::RawValue;

use crate::{ManifestError, error::excerpt};

/// How much a manifest may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most arrays and objects inside of each other.
    pub depth: usize,
    /// The most descriptors in one list.
    pub descriptors: usize,
    /// The most keys of the manifest itself.
    pub keys: usize,
}

/// The known keys of one object, with their raw values.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    place: String,
    known: Vec<(&'static str, &'a RawValue)>,
}

/// What is wrong with an object that repeats any key, or only with one that repeats a known one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unique {
    /// Every key appears once, and there are at most so many.
    All {
        /// The most keys.
        limit: usize,
    },
    /// The known keys appear once.
    Known,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, descriptors: 10_000, keys: 1_000 }
    }
}

// === impl Object ===

impl<'a> Object<'a> {
    /// Reads an object. A `known` key that appears twice, or in another case, is refused.
    pub(crate) fn read(
        text: &'a str,
        place: impl Into<String>,
        known: &'static [&'static str],
        unique: Unique,
    ) -> Result<Self, ManifestError> {
        let mut object = Self { place: place.into(), known: Vec::new() };
        let mut problem = None;
        let mut json = serde_json::Deserializer::from_str(text);
        let reader = ObjectReader { object: &mut object, known, unique, problem: &mut problem };
        let read = reader.deserialize(&mut json).and_then(|()| json.end());
        match (problem, read) {
            (Some(problem), _) => Err(problem),
            (None, Err(error)) if object.place.is_empty() => {
                Err(ManifestError::Syntax(error.to_string()))
            }
            (None, Err(error)) => Err(ManifestError::invalid(object.place, error)),
            (None, Ok(())) => Ok(object),
        }
    }

    /// Where a value of this object stands in the manifest.
    pub(crate) fn place(&self, key: &str) -> String {
        place(&self.place, key)
    }

    /// The raw text of a value; `null` counts as a value.
    pub(crate) fn raw(&self, key: &str) -> Option<&'a str> {
        self.known.iter().find(|(name, _)| *name == key).map(|(_, value)| value.get())
    }

    /// The raw text of a value, `None` if it is absent or `null`.
    pub(crate) fn some(&self, key: &str) -> Option<&'a str> {
        self.raw(key).filter(|text| *text != "null")
    }

    /// A value that need not be there; `null` is as good as absent.
    pub(crate) fn optional<T: DeserializeOwned>(
        &self,
        key: &str,
        expected: &str,
    ) -> Result<Option<T>, ManifestError> {
        self.some(key).map(|text| value(text, || self.place(key), expected)).transpose()
    }

    /// A value that has to be there.
    pub(crate) fn required<T: DeserializeOwned>(
        &self,
        key: &str,
        expected: &str,
    ) -> Result<T, ManifestError> {
        let text =
            self.raw(key).ok_or_else(|| ManifestError::Missing { place: self.place(key) })?;
        value(text, || self.place(key), expected)
    }
}

/// Refuses text whose arrays and objects nest deeper than `limit`: one pass, no recursion.
pub(crate) fn check_depth(text: &str, limit: usize) -> Result<(), ManifestError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return Err(ManifestError::TooDeep { limit });
        }
    }
    Ok(())
}

/// The raw elements of a list of at most `limit`.
pub(crate) fn list<'a>(
    text: &'a str,
    place: &str,
    limit: usize,
) -> Result<Vec<&'a str>, ManifestError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut elements = Vec::new();
    match json.deserialize_seq(ListReader { elements: &mut elements, limit }) {
        Ok(true) => Ok(elements),
        Ok(false) => Err(ManifestError::TooMany { place: place.into(), limit }),
        Err(_) => Err(ManifestError::invalid(place, format!("must be a list, is {}", kind(text)))),
    }
}

/// The place of a value in an object that stands at `parent`. A key is what a client chose, and a line
/// break in it does not break the line of a log.
pub(crate) fn place(parent: &str, key: &str) -> String {
    let key = excerpt(key).escape_debug().to_string();
    match parent {
        "" => key,
        parent => format!("{parent}.{key}"),
    }
}

fn value<T: DeserializeOwned>(
    text: &str,
    place: impl FnOnce() -> String,
    expected: &str,
) -> Result<T, ManifestError> {
    serde_json::from_str(text).map_err(|_| {
        ManifestError::invalid(place(), format!("must be {expected}, is {}", kind(text)))
    })
}

/// Whether a reader that ignores case takes `key` for `name`. Go folds two letters beyond ASCII
/// into ASCII: the long s (U+017F) and the kelvin sign (U+212A).
fn folds_to(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

/// What a raw value is, for a message.
pub(crate) fn kind(text: &str) -> String {
    match text.as_bytes().first() {
        Some(b'{') => "an object".into(),
        Some(b'[') => "a list".into(),
        _ => excerpt(text),
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct ObjectReader<'r, 'a> {
    object: &'r mut Object<'a>,
    known: &'static [&'static str],
    unique: Unique,
    problem: &'r mut Option<ManifestError>,
}

impl<'a> DeserializeSeed<'a> for ObjectReader<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for ObjectReader<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(Key(key)) = map.next_key()? {
            match self.judge(&key, &mut seen) {
                Ok(Some(name)) => self.object.known.push((name, map.next_value()?)),
                Ok(None) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Err(problem) => {
                    *self.problem = Some(problem);
                    return Err(A::Error::custom("refused"));
                }
            }
        }
        Ok(())
    }
}

impl ObjectReader<'_, '_> {
    /// The name of a known key, `None` for an unknown one.
    fn judge(
        &self,
        key: &str,
        seen: &mut HashSet<String>,
    ) -> Result<Option<&'static str>, ManifestError> {
        let name = self.known.iter().find(|name| folds_to(key, name)).copied();
        let here = || self.object.place(key);
        if let Some(name) = name.filter(|name| *name != key) {
            return Err(ManifestError::CaseVariant { place: here(), key: name });
        }
        let again = match (self.unique, name) {
            (Unique::Known, None) => false,
            (Unique::Known, Some(name)) => self.object.raw(name).is_some(),
            (Unique::All { limit }, _) if seen.len() == limit => {
                return Err(ManifestError::TooMany { place: "manifest".into(), limit });
            }
            (Unique::All { .. }, _) => !seen.insert(key.to_owned()),
        };
        match again {
            true => Err(ManifestError::DuplicateKey { place: here() }),
            false => Ok(name),
        }
    }
}

/// Answers `false` as soon as the list is longer than it may be.
struct ListReader<'r, 'a> {
    elements: &'r mut Vec<&'a str>,
    limit: usize,
}

impl<'a> Visitor<'a> for ListReader<'_, 'a> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<bool, A::Error> {
        while let Some(element) = seq.next_element::<&'a RawValue>()? {
            if self.elements.len() == self.limit {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(false);
            }
            self.elements.push(element.get());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_ignores_strings() {
        assert!(check_depth(r#"{"a":"[[[[\"[["}"#, 1).is_ok());
        assert!(check_depth("[[]]", 1).is_err());
        assert!(check_depth("[][][]", 1).is_ok());
        assert!(check_depth(&"[".repeat(10_000), 64).is_err());
    }

    #[test]
    fn keys_are_compared_unescaped() {
        let text = r#"{"a":1,"\u0061":2}"#;
        let read = Object::read(text, "", &["a"], Unique::Known);
        assert!(matches!(read, Err(ManifestError::DuplicateKey { .. })), "{read:?}");
    }

    #[test]
    fn a_key_does_not_break_the_line_of_a_message() {
        let text = r#"{"a\n\u2028b":1,"a\n\u2028b":2}"#;
        let error = Object::read(text, "", &[], Unique::All { limit: 9 }).expect_err("twice");
        assert_eq!(error.to_string(), r"a\n\u{2028}b: key appears more than once");
    }

    #[test]
    fn unicode_case_folding_is_a_case_variant() {
        // Go compares keys with Unicode simple folding: U+017F is an `s`, U+212A a `k`.
        let text = "{\"layer\u{17f}\":[]}";
        let read = Object::read(text, "", &["layers"], Unique::Known);
        assert!(matches!(read, Err(ManifestError::CaseVariant { .. })), "{read:?}");
    }
}
