//! `REGISTRY_*` variables, laid over a document by the rules of the original.
//!
//! Variables apply in the order of their names. `REGISTRY_HTTP_ADDR` is `http.addr`; each value is a
//! YAML document of its own, so that one variable may set a whole section. A part of a name is a key in
//! upper case, a number in a list (which may grow by one), or, where the operator makes up the keys,
//! a new key in lower case.
//!
//! The original cannot say a key that contains an underscore, since it divides there. Here such a key of
//! the schema is recognised (`REGISTRY_STORAGE_AZURE_RETRY_DELAY`), what is left of a name below a map
//! of plain values is one key (`REGISTRY_STORAGE_GCS_CREDENTIALS_PRIVATE_KEY`), and two underscores are
//! one that does not divide (`REGISTRY_HTTP_HEADERS_X__ONE_0`).

use std::sync::Arc;

use crate::{
    ConfigError, Place, Warning,
    nearest::nearest,
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
        let parts = parts(&name[PREFIX.len()..]);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        if !is_known(SCHEMA, &parts) {
            warnings.push(Warning::new(place, "", unknown(&parts)));
            continue;
        }
        let (payload, repeated) = yaml::parse(&text, Origin::Variable(name.clone()))?;
        warnings.extend(repeated);
        match set_key(root, SCHEMA, &parts, payload) {
            Ok(()) => {}
            Err(Refusal::Unrecognized) => {
                warnings.push(Warning::new(place, "", unknown(&parts)));
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

/// Divides a name at its underscores, of which two are one that belongs to a part.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let divides = letter == '_' && letters.next_if_eq(&'_').is_none();
        match parts.last_mut() {
            Some(part) if !divides => part.push(letter),
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// Says that nothing has this name, and what does that looks like it.
fn unknown(parts: &[&str]) -> String {
    const UNKNOWN: &str = "ignored: no key has this name";
    match suggestion(PREFIX.trim_end_matches('_'), SCHEMA, parts) {
        Some(name) => format!("{UNKNOWN}, did you mean {name}?"),
        None => UNKNOWN.to_owned(),
    }
}

/// The name of a variable that agrees with the parts up to the first that is wrong, and there nearly.
fn suggestion(parent: &str, keys: &[Key], parts: &[&str]) -> Option<String> {
    let (first, _) = parts.split_first()?;
    let known = keys.iter().find_map(|key| Some((key, key.variable_parts(parts)?)));
    if let Some((key, length)) = known {
        let parent = format!("{parent}_{}", key.variable_name());
        return match key.shape {
            Shape::Section(keys) | Shape::Choice(keys) => {
                suggestion(&parent, keys, &parts[length..])
            }
            _ => None,
        };
    }
    let names: Vec<String> = keys.iter().map(Key::variable_name).collect();
    let near = |word: &str| nearest(word, names.iter().map(String::as_str));
    let name = near(&parts.join("_")).or_else(|| near(first))?;
    Some(format!("{parent}_{name}"))
}

/// Whether the first part names a key at all, so that the text of a stranger's variable is not parsed.
fn is_known(keys: &[Key], parts: &[&str]) -> bool {
    keys.iter().any(|key| key.variable_parts(parts).is_some())
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
        Shape::Map(Shape::Value) => set_made_up(node, &Shape::Value, &[&path.join("_")], payload),
        Shape::Map(item) => set_made_up(node, item, path, payload),
        Shape::List(item) => set_item(node, item, path, payload),
        Shape::Free if matches!(node.value, Value::List(_)) => {
            set_item(node, &Shape::Free, path, payload)
        }
        Shape::Free => set_made_up(node, &Shape::Free, path, payload),
    }
}

fn set_key(node: &mut Node, keys: &[Key], path: &[&str], payload: Node) -> Result<(), Refusal> {
    let found = keys.iter().find_map(|key| Some((key, key.variable_parts(path)?)));
    let (key, length) = found.ok_or(Refusal::Unrecognized)?;
    change(node, |name| name == key.name, key.name.to_owned(), &key.shape, &path[length..], payload)
}

fn set_made_up(node: &mut Node, item: &Shape, path: &[&str], payload: Node) -> Result<(), Refusal> {
    let (part, rest) = path.split_first().ok_or(Refusal::Unrecognized)?;
    if part.split('_').any(str::is_empty) {
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
