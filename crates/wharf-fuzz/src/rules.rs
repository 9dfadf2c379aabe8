//! Rule files.

use wharf_api::Action;
use wharf_auth::{Access, Rules};
use wharf_reference::RepositoryName;

use crate::input::{expect_message, text};

/// A file is understood or refused with its line; and what an anonymous caller may do, nobody is kept
/// from but by a line that denies it.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let rules = match Rules::parse("rules", text) {
        Ok(rules) => rules,
        Err(error) => {
            assert!(error.to_string().starts_with("rules:"), "{error}");
            return expect_message(&error);
        }
    };
    for name in ["a", "team/app", "library/alpine/edge"] {
        let name = RepositoryName::parse(name).expect("a name");
        for action in [Action::Pull, Action::Push, Action::Delete, Action::Remove] {
            let access = Access::Repository(name.clone(), action);
            let (anybody, somebody) =
                (rules.explain(None, &access), rules.explain(Some("a"), &access));
            if anybody.allowed && !somebody.allowed {
                assert!(somebody.to_string().contains(" denies it"), "{somebody}");
            }
        }
    }
    if text.trim().is_empty() {
        assert!(!rules.explain(Some("a"), &Access::Catalog).allowed);
    }
}
