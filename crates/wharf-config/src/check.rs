//! Holds a document against the schema: what is unknown, what has no effect, what must not be ignored.

use crate::{
    ConfigError, Warning,
    nearest::nearest,
    schema::{self, Key, SCHEMA, Shape, Support, join},
    tree::{Entry, Node, Value},
};

/// Fails on the first key that is set and refused; returns a warning for each that is unknown or
/// ignored.
pub(crate) fn check(root: &Node) -> Result<Vec<Warning>, ConfigError> {
    let mut warnings = Vec::new();
    check_keys(root, "", SCHEMA, &mut warnings)?;
    Ok(warnings)
}

fn check_keys(
    node: &Node,
    path: &str,
    keys: &[Key],
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    for entry in node.entries() {
        match keys.iter().find(|key| key.name == entry.key) {
            Some(key) => check_key(entry, &join(path, key.name), key, warnings)?,
            None => {
                let own = join(path, &entry.key);
                warnings.push(Warning::new(entry.place.clone(), own, unknown(entry, path, keys)));
            }
        }
    }
    Ok(())
}

fn check_choice(
    node: &Node,
    path: &str,
    keys: &[Key],
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    let is_known = |entry: &&Entry| keys.iter().any(|key| key.name == entry.key);
    if let Some(entry) = node.entries().iter().find(|entry| !is_known(entry)) {
        let own = join(path, &entry.key);
        return Err(ConfigError::new(entry.place.clone(), own, unknown(entry, path, keys)));
    }
    check_keys(node, path, keys, warnings)
}

fn check_key(
    entry: &Entry,
    path: &str,
    key: &Key,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    match key.support {
        Support::Read => return check_shape(&entry.node, path, &key.shape, warnings),
        _ if entry.node.is_unset() => {}
        Support::Refused(why) => return Err(ConfigError::new(entry.place.clone(), path, why)),
        Support::Ignored(why) => {
            warnings.push(Warning::new(entry.place.clone(), path, format!("ignored: {why}")));
        }
    }
    Ok(())
}

fn check_shape(
    node: &Node,
    path: &str,
    shape: &Shape,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    match (shape, &node.value) {
        (Shape::Section(keys), _) => check_keys(node, path, keys, warnings),
        (Shape::Choice(keys), _) => check_choice(node, path, keys, warnings),
        (Shape::List(item), Value::List(nodes)) => {
            nodes.iter().enumerate().try_for_each(|(n, node)| {
                check_shape(node, &join(path, &n.to_string()), item, warnings)
            })
        }
        _ => Ok(()),
    }
}

fn unknown(entry: &Entry, path: &str, siblings: &[Key]) -> String {
    let hint = nearest(&entry.key, siblings.iter().map(|key| key.name));
    let hint = hint.map(|name| join(path, name));
    match hint.or_else(|| elsewhere(&entry.key)) {
        Some(hint) => format!("unknown key, did you mean {hint}?"),
        None => "unknown key".to_owned(),
    }
}

/// The path of a key of this very name that has its place somewhere else.
fn elsewhere(name: &str) -> Option<String> {
    schema::read_keys().into_iter().find_map(|path| {
        let mut parts = path.split('.');
        let depth = parts.position(|part| part == name)?;
        Some(path.split('.').take(depth + 1).collect::<Vec<_>>().join("."))
    })
}
