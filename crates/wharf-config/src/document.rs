//! A configuration as a document: shown to whoever wants to know what a server runs with.

use std::{
    fmt::{self, Write as _},
    path::PathBuf,
};

use crate::{
    schema::{Key, Kind, Origin, SCHEMA, Shape, Support},
    tree::{Entry, Node, Value},
};

/// A configuration as it was asked for, by its file and by variables.
#[derive(Clone)]
pub struct Document(Node);

/// What stands in place of a secret.
const HIDDEN: &str = "***";

// === impl Document ===

impl Document {
    pub(crate) fn new(tree: Node) -> Self {
        Self(tree)
    }

    pub(crate) fn tree(&self) -> &Node {
        &self.0
    }

    /// The keys that are known, as YAML that can be read again, but for the secrets, which are hidden.
    pub fn to_yaml(&self) -> String {
        render(&self.0)
    }

    /// The files and folders that it names, wherever it does.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        collect_paths(&self.0, SCHEMA, &mut paths);
        paths
    }

    /// The same with all defaults: what the configuration amounts to.
    pub fn to_yaml_with_defaults(&self) -> String {
        let mut tree = self.0.clone();
        fill(&mut tree, SCHEMA);
        render(&tree)
    }
}

/// A document may hold secrets.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document(…)")
    }
}

fn collect_paths(node: &Node, keys: &[Key], paths: &mut Vec<PathBuf>) {
    for entry in node.entries() {
        let Some(key) = keys.iter().find(|key| key.name == entry.key) else { continue };
        let values: &[Node] = match &entry.node.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(&entry.node),
        };
        for value in values {
            match &value.value {
                Value::Scalar(path) if key.kind == Kind::Path => paths.push(path.into()),
                _ => collect_paths(value, key.keys(), paths),
            }
        }
    }
}

// === defaults ===

fn fill(node: &mut Node, keys: &[Key]) {
    if node.is_null() {
        node.value = Value::Map(Vec::new());
    }
    let place = node.place.clone();
    let Value::Map(entries) = &mut node.value else { return };
    for key in keys.iter().filter(|key| key.has_defaults()) {
        match entries.iter_mut().find(|entry| entry.key == key.name) {
            Some(entry) if entry.node.is_null() && key.optional => {}
            Some(entry) => fill_key(&mut entry.node, key),
            None if key.optional => {}
            None => {
                let mut node = Node::null(place.clone());
                fill_key(&mut node, key);
                if !node.is_unset() {
                    entries.push(Entry { key: key.name.to_owned(), place: place.clone(), node });
                }
            }
        }
    }
}

fn fill_key(node: &mut Node, key: &Key) {
    match (&key.shape, &mut node.value) {
        (Shape::Section(keys) | Shape::Choice(keys), _) => fill(node, keys),
        (Shape::List(Shape::Section(keys)), Value::List(items)) => {
            items.iter_mut().for_each(|item| fill(item, keys));
        }
        (Shape::Value, value @ Value::Null) => {
            if let Some(default) = key.default {
                *value = Value::Scalar(default.to_owned());
            }
        }
        _ => {}
    }
}

impl Key {
    /// An old name says nothing that the new one does not say.
    fn has_defaults(&self) -> bool {
        self.support == Support::Read && self.origin != Origin::Version2
    }
}

// === YAML ===

fn render(tree: &Node) -> String {
    let mut yaml = String::new();
    render_keys(&mut yaml, tree, SCHEMA, "");
    yaml
}

fn render_keys(yaml: &mut String, node: &Node, keys: &[Key], indent: &str) {
    for entry in node.entries() {
        // Nobody can say whether what is unknown is a secret.
        if let Some(key) = keys.iter().find(|key| key.name == entry.key) {
            _ = write!(yaml, "{indent}{}:", key.name);
            render_value(yaml, &entry.node, &key.shape, key, indent);
        }
    }
}

/// What comes after a colon or a hyphen, up to the end of its last line.
fn render_value(yaml: &mut String, node: &Node, shape: &Shape, key: &Key, indent: &str) {
    let deeper = format!("{indent}  ");
    match (shape, &node.value) {
        (_, Value::Null) => yaml.push('\n'),
        (_, Value::Scalar(text)) => {
            _ = writeln!(yaml, " {}", scalar(&shown(text, shape, key)));
        }
        (_, Value::List(items)) if items.is_empty() => yaml.push_str(" []\n"),
        (_, Value::List(items)) => {
            let shape = if let Shape::List(item) = shape { item } else { &Shape::Free };
            yaml.push('\n');
            for item in items {
                render_item(yaml, item, shape, key, &deeper);
            }
        }
        (_, Value::Map(entries)) if entries.is_empty() => yaml.push_str(" {}\n"),
        (Shape::Section(keys) | Shape::Choice(keys), Value::Map(_)) => {
            yaml.push('\n');
            render_keys(yaml, node, keys, &deeper);
        }
        (_, Value::Map(entries)) => {
            let shape = if let Shape::Map(item) = shape { item } else { &Shape::Free };
            yaml.push('\n');
            for entry in entries {
                _ = write!(yaml, "{deeper}{}:", scalar(&entry.key));
                render_value(yaml, &entry.node, shape, key, &deeper);
            }
        }
    }
}

/// An item of a list; the first line of a map stands beside the hyphen.
fn render_item(yaml: &mut String, item: &Node, shape: &Shape, key: &Key, indent: &str) {
    let mut inner = String::new();
    render_value(&mut inner, item, shape, key, indent);
    let inner = match inner.strip_prefix('\n') {
        Some(lines) => format!(" {}", lines.trim_start()),
        None => inner,
    };
    let inner = if inner.trim().is_empty() { "\n" } else { &inner };
    _ = write!(yaml, "{indent}-{inner}");
}

/// A text, unless it is a secret, or what nobody but its owner knows.
fn shown(text: &str, shape: &Shape, key: &Key) -> String {
    match key.kind {
        _ if text.is_empty() => String::new(),
        _ if key.secret || matches!(shape, Shape::Free) => HIDDEN.to_owned(),
        Kind::Url => without_password(text),
        _ => text.to_owned(),
    }
}

/// A URL as it is, but for a password in it.
fn without_password(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    let credentials = url[start..end].rfind('@').map(|at| &url[start..start + at]);
    match credentials.and_then(|credentials| credentials.split_once(':')) {
        Some((user, password)) => {
            let rest = &url[start + user.len() + 1 + password.len()..];
            format!("{}{user}:{HIDDEN}{rest}", &url[..start])
        }
        None => url.to_owned(),
    }
}

/// A text as YAML 1.1 and 1.2 read it again, without quotes where it can go without.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/+-~@%:,=".contains(&byte);
    let begins = |byte: &u8| byte.is_ascii_alphanumeric() || b"._/:+-".contains(byte);
    let is_plain = text.bytes().all(plain)
        && text.as_bytes().first().is_some_and(begins)
        && !text.ends_with(':')
        && !matches!(text, "-" | "." | "null" | "Null" | "NULL");
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => _ = write!(quoted, "\\x{:02x}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
