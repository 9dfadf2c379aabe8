//! Who may do what, in a file of lines that read like sentences.

mod parse;
mod pattern;

use std::{cmp::Reverse, fmt, path::Path, sync::Arc};

use wharf_api::Action;

use crate::{Access, Rule, identity::GROUP};
use parse::{Names, Statement};
pub(crate) use pattern::Pattern;

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
/// assert_eq!(
///     rules.explain(Some("alice"), &library).to_string(),
///     "alice may pull from library/alpine: rules:3 allows it, for library/**",
/// );
/// let other = Access::pull(RepositoryName::parse("other")?);
/// assert!(!rules.explain(None, &other).allowed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Rules {
    file: Arc<str>,
    /// What is said about each pattern, the longest pattern first.
    sections: Vec<Section>,
    catalog: Vec<Line>,
}

/// Somebody, as lines may mean them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    /// `None` for an anonymous caller.
    pub(crate) name: Option<&'a str>,
    pub(crate) groups: &'a [Arc<str>],
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

// === impl Who ===

impl Who<'_> {
    pub(crate) const NOBODY: Self = Self { name: None, groups: &[] };
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
        self.explain_in(name, &[], access)
    }

    /// The same for somebody in these groups.
    pub fn explain_in(
        &self,
        name: Option<&str>,
        groups: &[String],
        access: &Access,
    ) -> Explanation {
        let groups: Vec<_> = groups.iter().map(|group| format!("{GROUP}{group}").into()).collect();
        let (line, pattern) = self.find(Who { name, groups: &groups }, access);
        let allowed = line.is_some_and(|line| line.allows);
        let pattern = pattern.map(ToString::to_string);
        let who = name.map(str::to_owned);
        Explanation { allowed, rule: self.rule(line), who, access: access.clone(), pattern }
    }

    pub(crate) fn decide(&self, who: Who<'_>, access: &Access) -> (bool, Rule) {
        let (line, _) = self.find(who, access);
        (line.is_some_and(|line| line.allows), self.rule(line))
    }

    fn rule(&self, line: Option<&Line>) -> Rule {
        let file = Arc::clone(&self.file);
        match line {
            Some(line) => Rule::Line(file, line.number),
            None => Rule::NoLine(file),
        }
    }

    /// The line that decides: of those about this caller and this action the one with the longest
    /// pattern; of several with that, the one that says most closely who is meant; of several, one
    /// that denies.
    fn find(&self, who: Who<'_>, access: &Access) -> (Option<&Line>, Option<&Pattern>) {
        let Access::Repository(repository, action) = access else {
            return (closest(&self.catalog, who, |_| true), None);
        };
        let matching = |section: &&Section| section.pattern.matches(repository.as_str());
        let found = self.sections.iter().filter(matching).find_map(|section| {
            let line = closest(&section.lines, who, |line| line.actions.contains(action))?;
            Some((line, &section.pattern))
        });
        found.unzip()
    }
}

fn closest<'a>(lines: &'a [Line], who: Who<'_>, fits: impl Fn(&Line) -> bool) -> Option<&'a Line> {
    let fitting = lines.iter().filter(|line| fits(line));
    let about = fitting.filter_map(|line| Some((line.names.closeness(who)?, line)));
    about
        .max_by_key(|(closeness, line)| (*closeness, !line.allows, Reverse(line.number)))
        .map(|(_, line)| line)
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
            Access::Repository(_, Action::Remove) => write!(f, "{who} {may} remove {name}: ")?,
        }
        match (&self.rule, &self.pattern) {
            (Rule::Line(..), pattern) => {
                let verb = if self.allowed { "allows" } else { "denies" };
                write!(f, "{} {verb} it", self.rule)?;
                pattern.as_ref().map_or(Ok(()), |pattern| write!(f, ", for {pattern}"))
            }
            (rule, _) => write!(f, "{rule}"),
        }
    }
}

#[cfg(test)]
mod tests;
