//! The files and folders that a configuration names.

use std::path::PathBuf;

use crate::{
    Document, Place,
    schema::{Key, Kind, SCHEMA, Shape, Support, join},
    tree::{Node, Value},
};

/// A file or a folder that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The path of the key, with the number of the item if it is one of a list.
    pub key: String,
    /// Where it is named.
    pub place: Place,
    /// What it is called.
    pub path: PathBuf,
}

// === impl Document ===

impl Document {
    /// What it names and something is read from or written to, in its order. A socket file is
    /// `http.addr`.
    pub fn named(&self) -> Vec<Named> {
        let mut named = Vec::new();
        collect(self.tree(), "", SCHEMA, &mut named);
        let net = self.tree().at("http.net").map(|node| &node.value);
        if let Some(Value::Scalar(net)) = net
            && net == "unix"
            && let Some(address) = self.tree().at("http.addr")
        {
            add(address, "http.addr", &mut named);
        }
        named
    }

    /// Where a key stands, if it is set.
    pub fn place(&self, key: &str) -> Option<Place> {
        self.tree().at(key).map(|node| node.place.clone())
    }
}

fn collect(node: &Node, path: &str, keys: &[Key], named: &mut Vec<Named>) {
    for key in keys.iter().filter(|key| key.support == Support::Read) {
        let Some(entry) = node.entries().iter().find(|entry| entry.key == key.name) else {
            continue;
        };
        of_shape(&entry.node, &join(path, key.name), (key, &key.shape), named);
    }
}

fn of_shape(node: &Node, path: &str, (key, shape): (&Key, &Shape), named: &mut Vec<Named>) {
    match (shape, &node.value) {
        (Shape::Section(keys) | Shape::Choice(keys), _) => collect(node, path, keys, named),
        (Shape::List(item), Value::List(nodes)) => {
            for (number, node) in nodes.iter().enumerate() {
                of_shape(node, &join(path, &number.to_string()), (key, item), named);
            }
        }
        (Shape::Value | Shape::List(Shape::Value), _) if key.kind == Kind::Path => {
            add(node, path, named);
        }
        _ => {}
    }
}

fn add(node: &Node, key: &str, named: &mut Vec<Named>) {
    if let Value::Scalar(text) = &node.value
        && !text.is_empty()
    {
        let (key, place) = (key.to_owned(), node.place.clone());
        named.push(Named { key, place, path: text.into() });
    }
}

// === impl Node ===

impl Node {
    /// What stands at a path of keys.
    fn at(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, key| {
            node.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
        })
    }
}
