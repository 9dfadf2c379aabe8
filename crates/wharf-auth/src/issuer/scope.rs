//! What tokens are good for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use wharf_api::Action;
use wharf_reference::RepositoryName;

use crate::{Access, Identity, Policy, rules::Pattern};

/// What somebody wants of one resource: of a repository, or of the catalog. Of others nobody gets
/// anything.
pub(crate) type Wanted = Vec<Access>;

/// What somebody gets of one resource, as a token says it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Given {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    actions: Vec<&'static str>,
}

/// What a robot may do: `repository:team/*:pull,push`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct RobotScope {
    /// `None` for the catalog.
    pattern: Option<Pattern>,
    actions: Vec<Action>,
}

/// What has a name of its own.
const ACTIONS: [Action; 3] = [Action::Pull, Action::Push, Action::Delete];

/// The most resources that a token is for.
const MOST: usize = 100;

/// Reads scopes, of which a parameter may hold several; `None` if they are none, or too many.
pub(crate) fn wanted<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Vec<Wanted>> {
    let mut scopes = Vec::new();
    for text in texts.flat_map(|text| text.split(' ')).filter(|text| !text.is_empty()) {
        if scopes.len() == MOST {
            return None;
        }
        scopes.push(resource(text)?);
    }
    Some(scopes)
}

/// `type:name:action,action`; the type may bear a class in brackets.
fn resource(text: &str) -> Option<Wanted> {
    let (kind, rest) = text.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let kind = kind.split('(').next().unwrap_or(kind);
    Some(match (kind, name) {
        ("registry", "catalog") if actions.split(',').any(|action| action == "*") => {
            vec![Access::Catalog]
        }
        ("repository", _) => match RepositoryName::parse(name) {
            Ok(name) => {
                // Only who wants everything wants to remove the repository.
                let all = actions.split(',').any(|action| action == "*");
                let actions = actions_of(actions).chain(all.then_some(Action::Remove));
                actions.map(|action| Access::Repository(name.clone(), action)).collect()
            }
            Err(_) => Wanted::new(),
        },
        _ => Wanted::new(),
    })
}

/// The actions that are known, each once.
fn actions_of(text: &str) -> impl Iterator<Item = Action> {
    let named =
        move |action: Action| text.split(',').any(|name| name == "*" || name == action.as_str());
    ACTIONS.into_iter().filter(move |action| named(*action))
}

/// What is left of what is wanted, if nobody gets more than the policy says.
pub(crate) fn narrowed(
    wanted: &[Wanted],
    identity: Option<&Identity>,
    policy: &Policy,
) -> Vec<Given> {
    let given = wanted.iter().filter_map(|accesses| {
        let mut allowed =
            accesses.iter().filter(|access| policy.decide(identity, access).allowed).peekable();
        let first = allowed.peek()?;
        let (kind, name) = (first.kind(), first.name().to_owned());
        Some(Given { kind, name, actions: allowed.map(Access::action).collect() })
    });
    given.collect()
}

/// As OAuth 2 writes it.
pub(crate) fn text(given: &[Given]) -> String {
    given.iter().map(Given::to_string).collect::<Vec<_>>().join(" ")
}

// === impl Given ===

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }
}

// === impl RobotScope ===

impl RobotScope {
    pub(crate) fn contains(&self, access: &Access) -> bool {
        match (&self.pattern, access) {
            (None, Access::Catalog) => true,
            (Some(pattern), Access::Repository(name, action)) => {
                self.actions.contains(action) && pattern.matches(name.as_str())
            }
            _ => false,
        }
    }
}

impl FromStr for RobotScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "expected repository:PATTERN:ACTION,ACTION with the actions pull, push \
                            and delete, or registry:catalog:*";

        if text == "registry:catalog:*" {
            return Ok(Self { pattern: None, actions: Vec::new() });
        }
        let rest = text.strip_prefix("repository:").ok_or(FORM)?;
        let (pattern, actions) = rest.rsplit_once(':').ok_or(FORM)?;
        let known =
            |name: &str| name == "*" || ACTIONS.iter().any(|action| action.as_str() == name);
        if !actions.split(',').all(known) {
            return Err(FORM.to_owned());
        }
        let actions: Vec<_> = actions_of(actions).collect();
        // Whoever pushes asks what is there.
        if actions.contains(&Action::Push) && !actions.contains(&Action::Pull) {
            return Err(format!("{text}: who pushes has to pull as well"));
        }
        Ok(Self { pattern: Some(Pattern::parse(pattern)?), actions })
    }
}

impl fmt::Display for RobotScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pattern) = &self.pattern else { return f.write_str("registry:catalog:*") };
        let actions: Vec<_> = self.actions.iter().map(|action| action.as_str()).collect();
        write!(f, "repository:{pattern}:{}", actions.join(","))
    }
}

impl TryFrom<String> for RobotScope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RobotScope> for String {
    fn from(scope: RobotScope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_clients_write_them() {
        let read = |texts: &[&str]| {
            let scopes = wanted(texts.iter().copied())?;
            let scopes = scopes.iter().flatten().map(ToString::to_string);
            Some(scopes.collect::<Vec<_>>().join(" "))
        };
        let check = |texts: &[&str], expected: &str| {
            assert_eq!(read(texts).as_deref(), Some(expected), "{texts:?}");
        };
        check(&[], "");
        check(&["repository:a/b:pull"], "repository:a/b:pull");
        check(
            &["repository:a:push,pull repository:b:pull"],
            "repository:a:pull repository:a:push repository:b:pull",
        );
        check(&["repository:a:pull", "registry:catalog:*"], "repository:a:pull registry:catalog:*");
        check(
            &["repository(plugin):a:*"],
            "repository:a:pull repository:a:push repository:a:delete repository:a:*",
        );
        // What is not known is given to nobody.
        check(
            &["repository:a:fly", "repository:A:pull", "artifact:a:pull", "registry:catalog:pull"],
            "",
        );
        assert_eq!(read(&["repository"]), None);
        assert_eq!(read(&[&"repository:a:pull ".repeat(101)]), None);
    }

    #[test]
    fn a_robot_does_what_its_scope_says() {
        let scope: RobotScope = "repository:team/*:pull,push".parse().unwrap();
        let access =
            |name: &str, action| Access::Repository(RepositoryName::parse(name).unwrap(), action);
        assert!(scope.contains(&access("team/a", Action::Push)));
        assert!(!scope.contains(&access("team/a", Action::Delete)));
        assert!(!scope.contains(&access("team/a/b", Action::Pull)));
        assert!(
            !scope.contains(&access("team", Action::Pull)) && !scope.contains(&Access::Catalog)
        );
        assert_eq!(scope.to_string(), "repository:team/*:pull,push");
        let catalog: RobotScope = "registry:catalog:*".parse().unwrap();
        assert!(catalog.contains(&Access::Catalog) && catalog.to_string() == "registry:catalog:*");
        for wrong in [
            "",
            "team/*",
            "repository:a",
            "repository:a:",
            "repository:a:fly",
            "repository:a:push",
            "repository:A:pull",
            "artifact:a:pull",
        ] {
            assert!(wrong.parse::<RobotScope>().is_err(), "{wrong}");
        }
    }
}
