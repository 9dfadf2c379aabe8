//! Who may do what, in a file of lines that read like sentences.

mod parse;
mod pattern;

use std::{cmp::Reverse, fmt, path::Path, sync::Arc};

use wharf_api::Action;
use wharf_reference::RepositoryName;

use crate::{Access, Rule};
use parse::{Names, Statement};
use pattern::Pattern;

/// Who may do what. What no line allows is denied.
///
/// ```
/// use wharf_auth::{Access, Rules};
/// use wharf_reference::RepositoryName;
///
/// let rules = Rules::parse("rules", "
///     group operators: alice, bob
///     allow anyone to pull in library/**
///     allow authenticated to pull in **
///     allow @operators to pull, push, delete in **
/// ")?;
/// let library = Access::pull(RepositoryName::parse("library/alpine")?);
/// assert!(rules.explain(None, &library).allowed);
/// let other = Access::pull(RepositoryName::parse("other")?);
/// assert_eq!(
///     rules.explain(None, &other).to_string(),
///     "an anonymous caller may not pull from other: the pattern ** counts, and rules:4 is the \
///      first of its lines, none of which allows it",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Rules {
    file: Arc<str>,
    /// What is said about each pattern, the longest pattern first.
    sections: Vec<Section>,
    catalog: Vec<Line>,
}

/// What a file says about one pattern.
#[derive(Debug)]
struct Section {
    pattern: Pattern,
    lines: Vec<Line>,
}

/// One line about one pattern.
#[derive(Clone, Debug)]
struct Line {
    number: u32,
    allows: bool,
    names: Arc<Names>,
    actions: Vec<Action>,
}

/// What the rules say, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it is allowed.
    pub allowed: bool,
    /// What has decided.
    pub rule: Rule,
    who: Option<String>,
    access: Access,
    pattern: Option<String>,
}

/// A line that is none. The text names the file and the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct RulesError {
    file: Arc<str>,
    line: u32,
    problem: String,
}

// === impl Rules ===

impl Rules {
    /// Reads rules. The first line that is not understood is an error.
    pub fn parse(file: &str, text: &str) -> Result<Self, RulesError> {
        let file: Arc<str> = file.into();
        let wrong = |(line, problem)| RulesError { file: Arc::clone(&file), line, problem };
        let statements = parse::statements(text).map_err(wrong)?;
        let mut rules = Self { file, sections: Vec::new(), catalog: Vec::new() };
        for statement in statements {
            rules.add(statement);
        }
        rules.sections.sort_by_cached_key(|section| Reverse(section.pattern.length()));
        Ok(rules)
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path, content: &[u8]) -> Result<Self, String> {
        let file = path.display().to_string();
        let text = std::str::from_utf8(content).map_err(|_| format!("{file}: it is not UTF-8"))?;
        Self::parse(&file, text).map_err(|error| error.to_string())
    }

    fn add(&mut self, statement: Statement) {
        let Statement { number, allows, names, actions, patterns } = statement;
        let line = Line { number, allows, names: Arc::new(names), actions };
        if patterns.is_empty() {
            self.catalog.push(line);
            return;
        }
        for pattern in patterns {
            match self.sections.iter_mut().find(|section| section.pattern == pattern) {
                Some(section) => section.lines.push(line.clone()),
                None => self.sections.push(Section { pattern, lines: vec![line.clone()] }),
            }
        }
    }

    /// Whether somebody of this name, `None` for an anonymous caller, may do this; and why.
    pub fn explain(&self, name: Option<&str>, access: &Access) -> Explanation {
        let pattern = self.section(access).map(|section| section.pattern.to_string());
        let (allowed, rule) = self.decide(name, access);
        let who = name.map(str::to_owned);
        Explanation { allowed, rule, who, access: access.clone(), pattern }
    }

    /// Of the patterns that match, the longest counts alone. Of its lines, one that denies counts
    /// before one that allows.
    pub(crate) fn decide(&self, name: Option<&str>, access: &Access) -> (bool, Rule) {
        let (lines, action) = match access {
            Access::Catalog => (&self.catalog[..], None),
            Access::Repository(_, action) => {
                let section = self.section(access);
                (section.map_or(&[][..], |section| &section.lines), Some(*action))
            }
        };
        let fits = |line: &&Line| {
            action.is_none_or(|action| line.actions.contains(&action)) && line.names.contain(name)
        };
        let denies = lines.iter().filter(|line| !line.allows).find(fits);
        let decides = denies.or_else(|| lines.iter().filter(|line| line.allows).find(fits));
        let at = |line: &Line| (Arc::clone(&self.file), line.number);
        match (decides.map(|line| (line.allows, at(line))), lines.first().map(at)) {
            (Some((allows, (file, line))), _) => (allows, Rule::Line(file, line)),
            (None, Some((file, line))) => (false, Rule::NoneOf(file, line)),
            (None, None) => (false, Rule::Default),
        }
    }

    fn section(&self, access: &Access) -> Option<&Section> {
        let name = repository(access)?;
        self.sections.iter().find(|section| section.pattern.matches(name.as_str()))
    }
}

fn repository(access: &Access) -> Option<&RepositoryName> {
    match access {
        Access::Catalog => None,
        Access::Repository(name, _) => Some(name),
    }
}

// === impl Explanation ===

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.who.as_deref().unwrap_or("an anonymous caller");
        let may = if self.allowed { "may" } else { "may not" };
        let name = self.access.name();
        match &self.access {
            Access::Catalog => write!(f, "{who} {may} list the repositories: ")?,
            Access::Repository(_, Action::Pull) => write!(f, "{who} {may} pull from {name}: ")?,
            Access::Repository(_, Action::Push) => write!(f, "{who} {may} push to {name}: ")?,
            Access::Repository(_, Action::Delete) => write!(f, "{who} {may} delete in {name}: ")?,
        }
        if let Some(pattern) = &self.pattern {
            write!(f, "the pattern {pattern} counts, and ")?;
        }
        match &self.rule {
            Rule::Line(..) if self.allowed => write!(f, "{} allows it", self.rule),
            Rule::Line(..) => write!(f, "{} denies it", self.rule),
            rule => write!(f, "{rule}"),
        }
    }
}

#[cfg(test)]
mod tests;
