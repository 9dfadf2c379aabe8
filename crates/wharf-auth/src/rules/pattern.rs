//! Patterns of repository names.

use std::fmt;

/// A pattern of repository names. `*` stands for any part of one component, `**` for any number of
/// whole ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Component>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Component {
    Any,
    Glob(String),
}

/// How much a pattern says: how many characters that are none of its wildcards; how many of them
/// before the first wildcard; how few `**`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Length(usize, usize, std::cmp::Reverse<usize>, String);

// === impl Pattern ===

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |problem: &str| Err(format!("{text:?} is no pattern: {problem}"));
        let mut components = Vec::new();
        for component in text.split('/') {
            let fine = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-*".contains(&byte)
            };
            match component {
                "" => return wrong("a component is empty"),
                "**" if components.last() == Some(&Component::Any) => {
                    return wrong("** twice says no more than once");
                }
                "**" => components.push(Component::Any),
                _ if component.contains("**") => {
                    return wrong("** has to stand alone between slashes");
                }
                _ if !component.bytes().all(fine) => {
                    return wrong("no name of a repository has such characters");
                }
                _ => components.push(Component::Glob(component.to_owned())),
            }
        }
        Ok(Self(components))
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let parts: Vec<&str> = name.split('/').collect();
        let same = |component: &Component, part: &&str| match component {
            Component::Any => true,
            Component::Glob(glob) => glob_matches(glob.as_bytes(), part.as_bytes()),
        };
        wildcard(&self.0, &parts, |component| *component == Component::Any, same)
    }

    pub(crate) fn length(&self) -> Length {
        let text = self.to_string();
        let literal = text.bytes().filter(|byte| *byte != b'*').count();
        let before = text.find('*').unwrap_or(text.len());
        let any = self.0.iter().filter(|component| **component == Component::Any).count();
        Length(literal, before, std::cmp::Reverse(any), text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, component) in self.0.iter().enumerate() {
            let slash = if n == 0 { "" } else { "/" };
            let text = match component {
                Component::Any => "**",
                Component::Glob(glob) => glob,
            };
            write!(f, "{slash}{text}")?;
        }
        Ok(())
    }
}

/// Whether `*` for any text makes the pattern the text.
pub(crate) fn glob_matches(pattern: &[u8], text: &[u8]) -> bool {
    wildcard(pattern, text, |byte| *byte == b'*', |one, other| one == other)
}

/// Whether the pattern matches, of which some items stand for any number of others. Takes at most as
/// many steps as the product of the lengths: only the last wildcard ever has to give way.
fn wildcard<P, T>(
    pattern: &[P],
    text: &[T],
    is_any: impl Fn(&P) -> bool,
    same: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(item) if is_any(item) => {
                back = Some((p, t));
                p += 1;
                continue;
            }
            Some(item) if same(item, &text[t]) => (p, t) = (p + 1, t + 1),
            _ => match &mut back {
                Some((any, from)) => {
                    *from += 1;
                    (p, t) = (*any + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(is_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let pattern = Pattern::parse(pattern).unwrap();
        for name in yes {
            assert!(pattern.matches(name), "{pattern} {name}");
        }
        for name in no {
            assert!(!pattern.matches(name), "{pattern} {name}");
        }
    }

    #[test]
    fn wildcards_keep_to_their_components() {
        check("a/b", &["a/b"], &["a", "a/b/c", "a/bb", "x/a/b"]);
        check("a/*", &["a/b", "a/bc"], &["a", "a/b/c", "b/a"]);
        check("a/**", &["a", "a/b", "a/b/c"], &["ab", "ab/c", "b/a"]);
        check("**", &["a", "a/b", "a/b/c"], &[]);
        check("**/b", &["b", "a/b", "a/a/b", "b/b"], &["b/a", "ab"]);
        check("a/**/b", &["a/b", "a/x/b", "a/x/b/b"], &["a/b/x", "b"]);
        check("team-*/app*1", &["team-x/app1", "team-/app-21"], &["team/app1", "team-x/app12"]);
        check("*", &["a"], &["a/b"]);
        check("**/x/**/y/**", &["x/y", "a/x/b/y/c"], &["y/x", "x"]);
    }

    #[test]
    fn the_longest_pattern_is_the_one_that_says_most() {
        let order = ["a/b/c", "a/b/*", "a/b/**", "a/*", "a/**", "*/a", "a*", "*", "**"];
        let lengths: Vec<_> =
            order.iter().map(|text| Pattern::parse(text).unwrap().length()).collect();
        assert!(lengths.is_sorted_by(|one, next| one > next), "{lengths:?}");
    }

    #[test]
    fn what_could_never_match_is_an_error() {
        for text in ["", "/", "a/", "/a", "a//b", "A", "a b", "a/***", "a**", "**/**", "a:b", "é"]
        {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern =
            Pattern::parse(&format!("{}b", "*a/".repeat(40).replace("*a/", "**/a*a/"))).unwrap();
        assert!(!pattern.matches("aaaa/".repeat(50).trim_end_matches('/')));
    }
}
