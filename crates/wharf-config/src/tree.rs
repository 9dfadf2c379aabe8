//! A document as a tree in which every value knows where it was given.

use crate::{
    Place,
    schema::{Key, Shape},
};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a document is made of. A scalar keeps the text it was written as: what it means is decided
/// by the key that reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, where it stands, and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

// === impl Node ===

impl Node {
    pub(crate) fn null(place: Place) -> Self {
        Self { place, value: Value::Null }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Whether nothing was said here, however many words were used to say it.
    pub(crate) fn is_unset(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Scalar(text) => text.is_empty(),
            Value::List(nodes) => nodes.iter().all(Node::is_unset),
            Value::Map(entries) => entries.iter().all(|entry| entry.node.is_unset()),
        }
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// What stands at a path, in which the items of a list are numbers; all of it at none.
    pub(crate) fn at_mut(&mut self, path: &str) -> Option<&mut Self> {
        if path.is_empty() {
            return Some(self);
        }
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let node = match &mut self.value {
            Value::Map(entries) => &mut entries.iter_mut().find(|entry| entry.key == first)?.node,
            Value::List(items) => items.get_mut(first.parse::<usize>().ok()?)?,
            Value::Null | Value::Scalar(_) => return None,
        };
        node.at_mut(rest)
    }

    /// Spells out the words among the top-level keys that offer a choice: `storage: inmemory`.
    pub(crate) fn spell_out_choices(&mut self, keys: &[Key]) {
        let Value::Map(entries) = &mut self.value else { return };
        for entry in entries {
            let is_choice = |key: &&Key| matches!(key.shape, Shape::Choice(_));
            if keys.iter().filter(is_choice).any(|key| key.name == entry.key) {
                let node = std::mem::replace(&mut entry.node, Node::null(entry.place.clone()));
                entry.node = node.spelled_out();
            }
        }
    }

    /// A word `w` as the map `w: {}`; everything else as it is.
    pub(crate) fn spelled_out(self) -> Self {
        let Self { place, value } = self;
        let value = match value {
            Value::Scalar(key) if !key.is_empty() => {
                let node = Self { place: place.clone(), value: Value::Map(Vec::new()) };
                Value::Map(vec![Entry { key, place: place.clone(), node }])
            }
            other => other,
        };
        Self { place, value }
    }

    /// Says what is here without repeating more of it than helps.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(text) => format!("{:?}", shorten(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
