//! Everything that is wrong with a configuration, not only what is found first.
//!
//! Whoever reads a section stops at its first mistake. So what that is about is taken out, or put in
//! if it is missing, and the rest is read again, until nothing is found any more.

use std::collections::BTreeSet;

use crate::{
    ConfigError, Configuration, Document, Place, environment,
    schema::{self, Kind, SCHEMA, join},
    tree::{Entry, Node, Value},
    yaml::{self, Origin},
};

/// What is wrong with a configuration.
#[derive(Clone, Debug)]
pub struct Problems {
    /// In the order of their lines, those of variables last; none if [`Configuration::load`] takes it.
    pub errors: Vec<ConfigError>,
    /// The whole, mistakes included; `None` if it cannot be read as YAML.
    pub document: Option<Document>,
}

/// Nobody reads more at once.
const MOST: usize = 100;

/// What the values are called that stand in for what is missing or cannot be saved.
const STAND_IN: &str = "a value that stands in for another one";

// === impl Configuration ===

impl Configuration {
    /// What is wrong with a file and the variables over it, as far as one mistake does not hide another.
    pub fn check(
        text: &str,
        file_name: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Problems {
        let mut tree = match yaml::parse(text, Origin::File(file_name.into())) {
            Ok((tree, _)) => tree,
            Err(error) => return Problems { errors: vec![error], document: None },
        };
        let mut variables: Vec<_> = environment.into_iter().collect();
        variables.sort();
        let apply = |variable| environment::overlay(&mut tree, [variable]).err();
        let mut errors: Vec<ConfigError> = variables.into_iter().filter_map(apply).collect();
        tree.spell_out_choices(SCHEMA);
        let document = Some(Document::new(tree.clone()));
        errors.extend(of_tree(tree));
        errors.sort_by_key(ConfigError::line);
        Problems { errors, document }
    }
}

fn of_tree(mut tree: Node) -> Vec<ConfigError> {
    let mut problems: Vec<ConfigError> = Vec::new();
    let mut put_in = BTreeSet::new();
    while problems.len() < MOST {
        let Err(error) = Configuration::read(&tree, &mut Vec::new()) else { break };
        let missing = error.missing().map(|key| join(error.key(), key));
        // What stands in can be wrong itself, and is put in once.
        let goes_on = missing.is_some_and(|path| put_in.insert(path.clone()) && tree.put_in(&path))
            || tree.take_out(error.key())
            || tree.stand_in(error.key());
        if !problems.iter().any(|known| known.explains(&error)) && !error.is_of_stand_in() {
            problems.push(error);
        }
        if !goes_on {
            break;
        }
    }
    problems
}

// === impl ConfigError ===

impl ConfigError {
    /// Whether another error may be there only because of what this one is about, which was taken out,
    /// or put in if it was missing.
    fn explains(&self, other: &ConfigError) -> bool {
        let is_at_or_below = |path: &str| {
            let rest = self.key().strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        match (other.missing(), other.key()) {
            (None, "") => matches!(self.key(), "" | "version"),
            (None, key) if key == self.key() => self.missing().is_none(),
            (None, key) => is_at_or_below(key),
            (Some(name), key) => {
                is_at_or_below(&join(key, name))
                    || (key == self.key() && self.missing() == Some(name))
            }
        }
    }

    /// Its line; those of variables come last.
    pub fn line(&self) -> u64 {
        match self.place() {
            Place::File { line, .. } => *line,
            Place::Variable(_) => u64::MAX,
        }
    }

    fn is_of_stand_in(&self) -> bool {
        matches!(self.place(), Place::File { name, .. } if &**name == STAND_IN)
    }
}

// === impl Node ===

impl Node {
    /// Takes out what stands at a path, or else what is nearest above it; `false` if there is nothing.
    fn take_out(&mut self, path: &str) -> bool {
        match &mut self.value {
            Value::Map(entries) => {
                let is_it = |key: &str| {
                    path.strip_prefix(key).filter(|it| it.is_empty() || it.starts_with('.'))
                };
                let at = entries.iter().position(|entry| is_it(&entry.key).is_some());
                let Some(at) = at else { return false };
                let rest = is_it(&entries[at].key).unwrap_or_default().trim_start_matches('.');
                if rest.is_empty() || !entries[at].node.take_out(rest) {
                    entries.remove(at);
                }
                true
            }
            Value::List(items) => {
                let (number, rest) = path.split_once('.').unwrap_or((path, ""));
                let Some(item) = number.parse().ok().and_then(|at: usize| items.get_mut(at)) else {
                    return false;
                };
                if !rest.is_empty() && item.take_out(rest) {
                    return true;
                }
                // The others keep their numbers.
                let was_there = !item.is_null();
                item.value = Value::Null;
                was_there
            }
            Value::Null | Value::Scalar(_) => false,
        }
    }

    /// Puts in a value for a key that is missing, as its row in the table has it, so that the rest of
    /// its section can be read; `false` if there is no such section.
    fn put_in(&mut self, path: &str) -> bool {
        let Some(kind) = schema::find(path).map(|key| key.kind) else { return false };
        let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
        let place = Place::File { name: STAND_IN.into(), line: 0 };
        let value = Value::Scalar(example(kind).to_owned());
        let node = Node { place: place.clone(), value };
        let Some(Node { value: Value::Map(entries), .. }) = self.at_mut(section) else {
            return false;
        };
        entries.retain(|entry| entry.key != name);
        entries.push(Entry { key: name.to_owned(), place, node });
        true
    }

    /// Adds the section of a key, without one the version; `false` if it is there, or need not be.
    fn stand_in(&mut self, key: &str) -> bool {
        let section = key.split('.').next().filter(|key| !key.is_empty()).unwrap_or("version");
        let embedded = yaml::parse(Configuration::EMBEDDED, Origin::File(STAND_IN.into()));
        let Ok((Node { value: Value::Map(embedded), .. }, _)) = embedded else { return false };
        if self.is_null() {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return false };
        let is_there = entries.iter().any(|entry| entry.key == section);
        let needed = embedded.into_iter().find(|entry| entry.key == section && !is_there);
        entries.extend(needed.clone());
        needed.is_some()
    }
}

/// What could stand there.
fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "example.org",
        Kind::Flag => "true",
        Kind::Number | Kind::Bytes => "1",
        Kind::Time => "1h",
        Kind::Path => "/example",
        Kind::Url => "https://example.org",
        Kind::Address => ":1",
        Kind::Pattern => ".",
        // The last one of them asks for nothing else.
        Kind::Word(words) => words.last().copied().unwrap_or_default(),
    }
}
