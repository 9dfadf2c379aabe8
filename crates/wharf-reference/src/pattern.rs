//! Patterns for names, as Go's `path.Match` reads them.

use std::str::Chars;

use crate::ReferenceError;

/// A shell pattern for names: `*` and `?` match anything but a slash, `[a-z]` and `[^a-z]` one
/// character, and `\` takes the next character for what it is.
///
/// ```
/// use wharf_reference::Pattern;
///
/// let pattern = Pattern::parse("library/*")?;
/// assert!(pattern.matches("library/alpine"));
/// assert!(!pattern.matches("library/alpine/edge"));
/// # Ok::<(), wharf_reference::ReferenceError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern(Vec<Token>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Star,
    One(Class),
}

/// What one character may be.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Class {
    Literal(char),
    NotSlash,
    Ranges { negated: bool, ranges: Vec<(char, char)> },
}

// === impl Pattern ===

impl Pattern {
    /// Reads a pattern; [`PatternInvalid`](ReferenceError::PatternInvalid) for a class that is
    /// empty or not closed, a range without an end, or a `\` at the end.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let mut rest = text.chars();
        let mut tokens = Vec::new();
        while let Some(c) = rest.next() {
            let token = token(c, &mut rest).ok_or_else(|| ReferenceError::pattern(text))?;
            tokens.push(token);
        }
        Ok(Self(tokens))
    }

    /// Whether the pattern matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        let (mut tokens, mut rest) = (self.0.as_slice(), text.chars());
        // Where to go on if what follows the last star does not match: one character later.
        let mut retry: Option<(&[Token], Chars<'_>)> = None;
        loop {
            match tokens.split_first() {
                Some((Token::Star, after)) => {
                    retry = Some((after, rest.clone()));
                    tokens = after;
                    continue;
                }
                Some((Token::One(class), after))
                    if rest.next().is_some_and(|c| class.contains(c)) =>
                {
                    tokens = after;
                    continue;
                }
                None if rest.as_str().is_empty() => return true,
                _ => {}
            }
            let Some((after, later)) = &mut retry else { return false };
            if later.next().is_none_or(|skipped| skipped == '/') {
                return false;
            }
            (tokens, rest) = (after, later.clone());
        }
    }
}

// === impl Class ===

impl Class {
    fn contains(&self, c: char) -> bool {
        match self {
            Self::Literal(literal) => c == *literal,
            Self::NotSlash => c != '/',
            Self::Ranges { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// Reads the token that begins with `c`.
fn token(c: char, rest: &mut Chars<'_>) -> Option<Token> {
    Some(match c {
        '*' => Token::Star,
        '?' => Token::One(Class::NotSlash),
        '[' => Token::One(class(rest)?),
        '\\' => Token::One(Class::Literal(rest.next()?)),
        literal => Token::One(Class::Literal(literal)),
    })
}

/// Reads what follows a `[`, with the `]`.
fn class(rest: &mut Chars<'_>) -> Option<Class> {
    let negated = take(rest, '^');
    let mut ranges = Vec::new();
    while ranges.is_empty() || !take(rest, ']') {
        let low = bound(rest)?;
        let high = if take(rest, '-') { bound(rest)? } else { low };
        ranges.push((low, high));
    }
    Some(Class::Ranges { negated, ranges })
}

/// Reads one end of a range.
fn bound(rest: &mut Chars<'_>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        c => Some(c),
    }
}

fn take(rest: &mut Chars<'_>, wanted: char) -> bool {
    let taken = rest.as_str().starts_with(wanted);
    if taken {
        rest.next();
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_like_path_match() {
        let check = |pattern, text, expected| {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(text), expected, "{pattern:?} {text}");
        };
        check("", "", true);
        check("", "a", false);
        check("abc", "abc", true);
        check("*", "abc", true);
        check("*", "a/b", false);
        check("*c", "abc", true);
        check("a*", "a", true);
        check("a*", "ab/c", false);
        check("a*/b", "abc/b", true);
        check("a*/b", "a/c/b", false);
        check("a*b*c*d*e*/f", "axbxcxdxe/f", true);
        check("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false);
        check("a*b?c*x", "abxbbxdbxebxczzx", true);
        check("a*b?c*x", "abxbbxdbxebxczzy", false);
        check("ab[c]", "abc", true);
        check("ab[b-d]", "abc", true);
        check("ab[e-g]", "abc", false);
        check("ab[^c]", "abc", false);
        check("ab[^e-g]", "abc", true);
        check("a\\*b", "a*b", true);
        check("a\\*b", "ab", false);
        check("a?b", "a☺b", true);
        check("a[^a]b", "a☺b", true);
        check("a???b", "a☺b", false);
        check("[a-ζ]*", "α", true);
        check("a?b", "a/b", false);
        check("[\\]a]", "]", true);
        check("[\\-]", "-", true);
        check("[x\\-]", "-", true);
        check("]", "]", true);
    }

    #[test]
    fn broken_patterns_are_refused() {
        for text in
            ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[\\"]
        {
            assert!(
                matches!(Pattern::parse(text), Err(ReferenceError::PatternInvalid(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn many_stars_do_not_take_long() {
        let pattern = Pattern::parse(&"*a".repeat(200)).unwrap();
        assert!(!pattern.matches(&format!("{}b", "a".repeat(2000))));
    }
}
