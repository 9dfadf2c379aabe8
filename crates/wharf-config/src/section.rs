//! Reads typed values out of the tree.

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    time::Duration,
};

use crate::{
    ConfigError, Place, Secret, duration,
    schema::join,
    tree::{Entry, Node, Value},
};

/// Something that is written as one scalar.
pub(crate) trait Scalar: Sized {
    /// What would be right, to follow "expected".
    const EXPECTED: &'static str;

    fn read(text: &str) -> Option<Self>;
}

/// The keys below one path, of which any may be missing.
pub(crate) struct Section<'a> {
    entries: &'a [Entry],
    place: &'a Place,
    path: String,
}

/// A value that is there, and its path.
pub(crate) struct Found<'a> {
    node: &'a Node,
    path: String,
}

// === impl Section ===

impl<'a> Section<'a> {
    pub(crate) fn root(node: &'a Node) -> Result<Self, ConfigError> {
        Found { node, path: String::new() }.section()
    }

    pub(crate) fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// An error about the section as a whole.
    pub(crate) fn error(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.place.clone(), &self.path, problem)
    }

    /// An error about a key that has to be there.
    pub(crate) fn missing(&self, key: &str) -> ConfigError {
        ConfigError::missing_in(self.place.clone(), &self.path, key)
    }

    /// What stands at a key; a null is nothing.
    pub(crate) fn find(&self, key: &str) -> Option<Found<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let found = Found { node: &entry.node, path: join(&self.path, key) };
        (!entry.node.is_null()).then_some(found)
    }

    /// The section below a key, empty if there is none.
    pub(crate) fn section(&self, key: &str) -> Result<Section<'a>, ConfigError> {
        match self.find(key) {
            Some(found) => found.section(),
            None => Ok(Section { entries: &[], place: self.place, path: join(&self.path, key) }),
        }
    }

    pub(crate) fn value<T: Scalar>(&self, key: &str) -> Result<Option<T>, ConfigError> {
        self.find(key).map(|found| found.scalar()).transpose()
    }

    pub(crate) fn value_or<T: Scalar>(&self, key: &str, default: T) -> Result<T, ConfigError> {
        Ok(self.value(key)?.unwrap_or(default))
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool, ConfigError> {
        self.value_or(key, false)
    }

    /// A duration that is not shorter than makes sense.
    pub(crate) fn time(
        &self,
        key: &str,
        default: Duration,
        shortest: Duration,
    ) -> Result<Duration, ConfigError> {
        let Some(found) = self.find(key) else { return Ok(default) };
        let time = found.scalar()?;
        if time < shortest {
            return Err(found.error(format!("expected {shortest:?} or more, found {time:?}")));
        }
        Ok(time)
    }

    pub(crate) fn items(&self, key: &str) -> Result<Vec<Found<'a>>, ConfigError> {
        self.find(key).map_or_else(|| Ok(Vec::new()), |found| found.items())
    }

    /// The keys and values below a key whose keys the operator makes up.
    pub(crate) fn made_up(&self, key: &str) -> Result<Vec<(&'a str, Found<'a>)>, ConfigError> {
        let Some(found) = self.find(key) else { return Ok(Vec::new()) };
        let section = found.section()?;
        Ok(section
            .entries
            .iter()
            .map(|entry| {
                let path = join(&section.path, &entry.key);
                (entry.key.as_str(), Found { node: &entry.node, path })
            })
            .collect())
    }
}

// === impl Found ===

impl<'a> Found<'a> {
    pub(crate) fn place(&self) -> &'a Place {
        &self.node.place
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether anything was said.
    pub(crate) fn is_set(&self) -> bool {
        !self.node.is_unset()
    }

    pub(crate) fn error(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.node.place.clone(), &self.path, problem)
    }

    pub(crate) fn scalar<T: Scalar>(&self) -> Result<T, ConfigError> {
        let value = match &self.node.value {
            Value::Scalar(text) => T::read(text),
            _ => None,
        };
        value.ok_or_else(|| self.unexpected(T::EXPECTED))
    }

    pub(crate) fn section(&self) -> Result<Section<'a>, ConfigError> {
        let entries = match &self.node.value {
            Value::Null => &[][..],
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => return Err(self.unexpected("a map of keys")),
        };
        Ok(Section { entries, place: &self.node.place, path: self.path.clone() })
    }

    /// The items of a list; a single scalar is a list of one.
    pub(crate) fn items(self) -> Result<Vec<Found<'a>>, ConfigError> {
        match &self.node.value {
            Value::List(nodes) => Ok(nodes
                .iter()
                .enumerate()
                .map(|(n, node)| Found { node, path: join(&self.path, &n.to_string()) })
                .collect()),
            Value::Scalar(_) => Ok(vec![self]),
            Value::Null | Value::Map(_) => Err(self.unexpected("a list")),
        }
    }

    fn unexpected(&self, expected: &str) -> ConfigError {
        self.error(format!("expected {expected}, found {}", self.node.describe()))
    }
}

// === impl Scalar ===

impl Scalar for String {
    const EXPECTED: &'static str = "a text";

    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Scalar for Secret {
    const EXPECTED: &'static str = "a text";

    fn read(text: &str) -> Option<Self> {
        Some(Self::new(text))
    }
}

impl Scalar for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn read(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| text.into())
    }
}

impl Scalar for bool {
    const EXPECTED: &'static str = "true or false";

    /// As YAML 1.1 has it, which the original reads.
    fn read(text: &str) -> Option<Self> {
        match text {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
                Some(true)
            }
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n"
            | "N" => Some(false),
            _ => None,
        }
    }
}

impl Scalar for i64 {
    const EXPECTED: &'static str = "a whole number";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for u32 {
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for u64 {
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for NonZeroU32 {
    const EXPECTED: &'static str = "a whole number, 1 or more";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for NonZeroU64 {
    const EXPECTED: &'static str = "a whole number, 1 or more";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for Duration {
    const EXPECTED: &'static str = "a duration such as 90s, 1h30m, or a number of nanoseconds";

    fn read(text: &str) -> Option<Self> {
        duration::parse(text)
    }
}
