//! The short form that users know: without `docker.io` and `library/`.

use crate::{
    Pattern, Reference,
    normalize::{DEFAULT_DOMAIN, OFFICIAL},
};

// === impl Reference ===

impl Reference {
    /// The name as users know it, without tag and digest: `ubuntu` for
    /// `docker.io/library/ubuntu:24.04`.
    pub fn familiar_name(&self) -> String {
        match self.domain() {
            Some(DEFAULT_DOMAIN) => self.without_official().to_owned(),
            _ => self.name(),
        }
    }

    /// The whole reference as users know it: `ubuntu:24.04` for `docker.io/library/ubuntu:24.04`.
    pub fn familiar_string(&self) -> String {
        let mut text = self.familiar_name();
        self.fmt_suffix(&mut text).expect("a string takes everything");
        text
    }

    /// Whether a pattern matches the reference as users know it, with tag and digest or without.
    pub fn familiar_match(&self, pattern: &Pattern) -> bool {
        pattern.matches(&self.familiar_string()) || pattern.matches(&self.familiar_name())
    }

    /// The path without `library/`, if nothing but one component follows.
    fn without_official(&self) -> &str {
        match self.path().as_str().split_once('/') {
            Some((OFFICIAL, rest)) if !rest.contains('/') => rest,
            _ => self.path().as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_familiar_forms() {
        let check = |pattern, text, expected| {
            let pattern = Pattern::parse(pattern).unwrap();
            let reference = Reference::parse_normalized(text).unwrap();
            assert_eq!(reference.familiar_match(&pattern), expected, "{pattern:?} {text}");
        };
        check("foo/**/ba[rz]", "foo", false);
        check("foo/**/ba[rz]", "foo/any/bat", false);
        check("foo/**/ba[rz]", "foo/a/bar", true);
        check("foo/**/ba[rz]", "foo/b/baz", true);
        check("foo/**/ba[rz]", "foo/c/baz:tag", true);
        check("foo/*/baz:tag", "foo/c/baz:tag", true);
        check("*/foo/c/baz:tag", "example.com/foo/c/baz:tag", true);
        check("*/foo/c/baz", "example.com/foo/c/baz:tag", true);
        check("foo", "docker.io/library/foo:latest", true);
    }

    #[test]
    fn names_lose_what_goes_without_saying() {
        let check = |text, expected| {
            assert_eq!(Reference::parse(text).unwrap().familiar_name(), expected, "{text}");
        };
        check("docker.io/library/ubuntu", "ubuntu");
        check("docker.io/library/foo/bar", "library/foo/bar");
        check("docker.io/other/library", "other/library");
        check("docker.io/store/foo/bar", "store/foo/bar");
        check("Foo/bar", "Foo/bar");
        check("ubuntu", "ubuntu");
    }
}
