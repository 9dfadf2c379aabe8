//! `REGISTRY_*` variables, laid over a document by the rules of the original.
//!
//! Variables apply in the order of their names. `REGISTRY_HTTP_ADDR` is `http.addr`; each value is a
//! YAML document of its own, so that one variable may set a whole section. A part of a name is a key in
//! upper case, a number in a list (which may grow by one), or, where the operator makes up the keys,
//! a new key in lower case.

use std::sync::Arc;

use crate::{
    ConfigError, Place, Warning,
    schema::{Key, SCHEMA, Shape},
    tree::{Entry, Node, Value},
    yaml::{self, Origin},
};

const PREFIX: &str = "REGISTRY_";
/// Names the file itself, and is no part of it.
const PATH_OF_FILE: &str = "REGISTRY_CONFIGURATION_PATH";

/// Why a variable could not be applied.
enum Refusal {
    /// Nothing in the schema has this name.
    Unrecognized,
    /// The part of the name must be a number that is in the list, or the next one.
    Index(String),
    /// The document holds something else where the name leads.
    Blocked(String),
}

/// Applies all variables that concern us.
pub(crate) fn overlay(
    root: &mut Node,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Warning>, ConfigError> {
    let mut variables: Vec<_> = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && name != PATH_OF_FILE)
        .collect();
    variables.sort();

    let mut warnings = Vec::new();
    for (name, text) in variables {
        let name: Arc<str> = name.into();
        let place = Place::Variable(name.clone());
        let parts: Vec<&str> = name[PREFIX.len()..].split('_').collect();
        if !is_known(SCHEMA, &parts) {
            warnings.push(Warning::new(place, "", "ignored: no key has this name"));
            continue;
        }
        let payload = yaml::parse(&text, Origin::Variable(name.clone()))?;
        let path: Vec<&str> = parts;
        match set_key(root, SCHEMA, &path, payload) {
            Ok(()) => {}
            Err(Refusal::Unrecognized) => {
                warnings.push(Warning::new(place, "", "ignored: no key has this name"));
            }
            Err(Refusal::Index(part)) => {
                let problem =
                    format!("{part:?} is no index of an item in the list, or of the next");
                return Err(ConfigError::new(place, "", problem));
            }
            Err(Refusal::Blocked(found)) => {
                let problem = format!("leads into {found}, which holds no keys");
                return Err(ConfigError::new(place, "", problem));
            }
        }
    }
    Ok(warnings)
}

/// Whether the first part names a key at all, so that the text of a stranger's variable is not parsed.
fn is_known(keys: &[Key], parts: &[&str]) -> bool {
    parts.first().is_some_and(|first| keys.iter().any(|key| key.is_variable(first)))
}

fn set(node: &mut Node, shape: &Shape, path: &[&str], payload: Node) -> Result<(), Refusal> {
    if path.is_empty() {
        *node = payload;
        return Ok(());
    }
    match shape {
        Shape::Value => Err(Refusal::Unrecognized),
        Shape::Section(keys) => set_key(node, keys, path, payload),
        Shape::Choice(keys) => {
            *node = std::mem::replace(node, Node::null(payload.place.clone())).spelled_out();
            set_key(node, keys, path, payload)
        }
        Shape::Map(item) => set_made_up(node, item, path, payload),
        Shape::List(item) => set_item(node, item, path, payload),
        Shape::Free if matches!(node.value, Value::List(_)) => {
            set_item(node, &Shape::Free, path, payload)
        }
        Shape::Free => set_made_up(node, &Shape::Free, path, payload),
    }
}

fn set_key(node: &mut Node, keys: &[Key], path: &[&str], payload: Node) -> Result<(), Refusal> {
    let (part, rest) = path.split_first().ok_or(Refusal::Unrecognized)?;
    let key = keys.iter().find(|key| key.is_variable(part)).ok_or(Refusal::Unrecognized)?;
    change(node, |name| name == key.name, key.name.to_owned(), &key.shape, rest, payload)
}

fn set_made_up(node: &mut Node, item: &Shape, path: &[&str], payload: Node) -> Result<(), Refusal> {
    let (part, rest) = path.split_first().ok_or(Refusal::Unrecognized)?;
    if part.is_empty() {
        return Err(Refusal::Unrecognized);
    }
    change(node, |name| name.to_uppercase() == *part, part.to_lowercase(), item, rest, payload)
}

/// Changes the entry that is asked for, or adds it, unless the rest of the path leads nowhere.
fn change(
    node: &mut Node,
    is_it: impl Fn(&str) -> bool,
    key: String,
    shape: &Shape,
    rest: &[&str],
    payload: Node,
) -> Result<(), Refusal> {
    let place = payload.place.clone();
    if node.is_null() {
        *node = Node { place: place.clone(), value: Value::Map(Vec::new()) };
    }
    let found = node.describe();
    let Value::Map(entries) = &mut node.value else { return Err(Refusal::Blocked(found)) };
    if let Some(entry) = entries.iter_mut().find(|entry| is_it(&entry.key)) {
        if rest.is_empty() {
            entry.place = place;
        }
        return set(&mut entry.node, shape, rest, payload);
    }
    let mut fresh = Node::null(place.clone());
    set(&mut fresh, shape, rest, payload)?;
    entries.push(Entry { key, place, node: fresh });
    Ok(())
}

fn set_item(node: &mut Node, item: &Shape, path: &[&str], payload: Node) -> Result<(), Refusal> {
    let (part, rest) = path.split_first().ok_or(Refusal::Unrecognized)?;
    let place = payload.place.clone();
    if node.is_null() {
        *node = Node { place: place.clone(), value: Value::List(Vec::new()) };
    }
    let found = node.describe();
    let Value::List(nodes) = &mut node.value else { return Err(Refusal::Blocked(found)) };
    match part.parse::<usize>() {
        Ok(index) if index < nodes.len() => set(&mut nodes[index], item, rest, payload),
        Ok(index) if index == nodes.len() => {
            let mut fresh = Node::null(place);
            set(&mut fresh, item, rest, payload)?;
            nodes.push(fresh);
            Ok(())
        }
        _ => Err(Refusal::Index((*part).to_owned())),
    }
}
