//! From text to statements.

use std::collections::HashMap;

use wharf_api::Action;

use super::{
    Who,
    pattern::{Pattern, glob_matches},
};
use crate::identity::GROUP;

/// `allow alice, @team to pull, push in team/**`, or without patterns: `allow alice to list`.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) number: u32,
    pub(crate) allows: bool,
    pub(crate) names: Names,
    pub(crate) actions: Vec<Action>,
    /// None if it is about the catalog.
    pub(crate) patterns: Vec<Pattern>,
}

/// Whom a line is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    anyone: bool,
    authenticated: bool,
    exactly: Vec<String>,
    /// With `*` for any text.
    like: Vec<String>,
}

/// How closely somebody is meant, the closest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closeness {
    Anyone,
    Authenticated,
    Named,
}

/// A word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    Quoted(String),
    Comma,
    Colon,
}

type Groups = HashMap<String, Names>;

/// The most lines of a file.
const MOST: u32 = 100_000;

/// Reads all lines; the error has the number of the line.
pub(crate) fn statements(text: &str) -> Result<Vec<Statement>, (u32, String)> {
    let (mut groups, mut statements) = (Groups::new(), Vec::new());
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        if number > MOST {
            return Err((number, format!("there are more than {MOST} lines")));
        }
        let wrong = |problem| (number, problem);
        let words = words(line).map_err(wrong)?;
        match words.split_first() {
            None => {}
            Some((Word::Plain(first), rest)) if first == "group" => {
                group(rest, &mut groups).map_err(wrong)?;
            }
            Some((Word::Plain(first), rest)) if first == "allow" || first == "deny" => {
                let statement = statement(number, first == "allow", rest, &groups);
                statements.push(statement.map_err(wrong)?);
            }
            Some(_) => return Err((number, "expected allow, deny or group".to_owned())),
        }
    }
    Ok(statements)
}

/// `NAME: MEMBER, MEMBER`
fn group(words: &[Word], groups: &mut Groups) -> Result<(), String> {
    let [Word::Plain(name), Word::Colon, members @ ..] = words else {
        return Err("expected group NAME: MEMBER, MEMBER".to_owned());
    };
    let names = names(members, groups)?;
    if groups.insert(name.clone(), names).is_some() {
        return Err(format!("there is a group {name} already"));
    }
    Ok(())
}

/// `WHO, WHO to ACTION, ACTION in PATTERN, PATTERN`
fn statement(
    number: u32,
    allows: bool,
    words: &[Word],
    groups: &Groups,
) -> Result<Statement, String> {
    const FORM: &str = "expected WHO to pull, push, delete, remove in PATTERN; or WHO to list";

    let (who, what) = split(words, "to").ok_or(FORM)?;
    let names = names(who, groups)?;
    let Some((actions, patterns)) = split(what, "in") else {
        return match what {
            [Word::Plain(list)] if list == "list" => {
                Ok(Statement { number, allows, names, actions: Vec::new(), patterns: Vec::new() })
            }
            _ => Err(FORM.to_owned()),
        };
    };
    let actions = list(actions)?.into_iter().map(|word| action(&word)).collect::<Result<_, _>>()?;
    let patterns = list(patterns)?;
    let pattern = |word: Word| match word {
        Word::Plain(text) | Word::Quoted(text) => Pattern::parse(&text),
        Word::Comma | Word::Colon => Err(FORM.to_owned()),
    };
    let patterns = patterns.into_iter().map(pattern).collect::<Result<_, _>>()?;
    Ok(Statement { number, allows, names, actions, patterns })
}

fn action(word: &Word) -> Result<Action, String> {
    match word {
        Word::Plain(text) if text == "pull" => Ok(Action::Pull),
        Word::Plain(text) if text == "push" => Ok(Action::Push),
        Word::Plain(text) if text == "delete" => Ok(Action::Delete),
        Word::Plain(text) if text == "remove" => Ok(Action::Remove),
        Word::Plain(text) if text == "list" => {
            Err("to list the repositories concerns no pattern: write it as a line of its own"
                .into())
        }
        other => Err(format!("expected pull, push, delete or remove, found {}", other.shown())),
    }
}

fn names(words: &[Word], groups: &Groups) -> Result<Names, String> {
    let mut names = Names::default();
    for word in list(words)? {
        match word {
            Word::Quoted(name) => names.exactly.push(name),
            Word::Plain(name) => match name.as_str() {
                "anyone" => names.anyone = true,
                "authenticated" => names.authenticated = true,
                "anonymous" | "everyone" | "*" => {
                    return Err(format!(
                        "{name:?} is not understood, write anyone or authenticated"
                    ));
                }
                _ if name.starts_with('@') => {
                    let group = groups.get(&name[1..]);
                    let group = group.ok_or_else(|| format!("there is no group {name} above"))?;
                    names.extend(group);
                }
                _ if name.contains('*') => names.like.push(name),
                _ => names.exactly.push(name),
            },
            other => return Err(format!("expected a name, found {}", other.shown())),
        }
    }
    Ok(names)
}

/// What stands before and behind a word.
fn split<'a>(words: &'a [Word], at: &str) -> Option<(&'a [Word], &'a [Word])> {
    let is_it = |word: &Word| matches!(word, Word::Plain(text) if text == at);
    let found = words.iter().position(is_it)?;
    Some((&words[..found], &words[found + 1..]))
}

/// Words with commas between them, at least one.
fn list(words: &[Word]) -> Result<Vec<Word>, String> {
    let mut items = Vec::new();
    for (n, word) in words.iter().enumerate() {
        match (n % 2, word) {
            (0, Word::Plain(_) | Word::Quoted(_)) => items.push(word.clone()),
            (1, Word::Comma) => {}
            (_, word) => return Err(format!("there is no place for {} here", word.shown())),
        }
    }
    if items.is_empty() || words.last() == Some(&Word::Comma) {
        return Err("something is missing, expected a list with commas between".to_owned());
    }
    Ok(items)
}

/// Takes a line apart. `#` begins a comment; quotes hold anything.
fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '#' => break,
            ',' => {
                words.push(Word::Comma);
                1
            }
            '"' => {
                let end = rest[1..].find('"').ok_or("a quote is not closed")?;
                words.push(Word::Quoted(rest[1..=end].to_owned()));
                end + 2
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '#'));
                let word = &rest[..end.unwrap_or(rest.len())];
                if word.chars().any(char::is_control) {
                    return Err("there is a control character in it".to_owned());
                }
                // Subjects of tokens are full of colons; one at the end belongs to `group NAME:`.
                match word.strip_suffix(':') {
                    Some(name) if !name.is_empty() => {
                        words.extend([Word::Plain(name.to_owned()), Word::Colon]);
                    }
                    Some(_) => words.push(Word::Colon),
                    None => words.push(Word::Plain(word.to_owned())),
                }
                word.len()
            }
        };
        rest = rest[taken..].trim_start();
    }
    Ok(words)
}

// === impl Word ===

impl Word {
    fn shown(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Quoted(text) => format!("{text:?}"),
            Self::Comma => "a comma".to_owned(),
            Self::Colon => "a colon".to_owned(),
        }
    }
}

// === impl Names ===

impl Names {
    /// How closely it says that somebody of this name is meant, `None` for an anonymous caller; and
    /// `None` if it is about others.
    pub(crate) fn closeness(&self, who: Who<'_>) -> Option<Closeness> {
        let named = |name: &str| {
            // `*-admin` is about users, `group:*-admin` about groups.
            let same_kind = |like: &str| like.starts_with(GROUP) == name.starts_with(GROUP);
            let matches = |like: &str| glob_matches(like.as_bytes(), name.as_bytes());
            self.exactly.iter().any(|exactly| exactly == name)
                || self.like.iter().any(|like| same_kind(like) && matches(like))
        };
        match who.name {
            Some(name) if named(name) => Some(Closeness::Named),
            Some(_) if who.groups.iter().any(|group| named(group)) => Some(Closeness::Named),
            Some(_) if self.authenticated => Some(Closeness::Authenticated),
            _ => self.anyone.then_some(Closeness::Anyone),
        }
    }

    fn extend(&mut self, other: &Self) {
        self.anyone |= other.anyone;
        self.authenticated |= other.authenticated;
        self.exactly.extend_from_slice(&other.exactly);
        self.like.extend_from_slice(&other.like);
    }
}
