use proptest::prelude::*;
use wharf_reference::RepositoryName;

use super::*;

const RULES: &str = r#"
# What everybody wants.
group ops: alice, bob      # and who else?
group all-ops: @ops, carol
allow anyone to pull in library/**, public
allow authenticated to pull in **
allow @all-ops to pull, push, delete in **

allow dave to pull, push in team/**
deny mallory to pull in team/**
deny anyone to pull, push in team/secret/**
allow "repo:org/app:ref" , ci-* to pull,push in team/secret/**
allow ci-7 to push in team/ci
deny ci-7 to push in team/ci
allow @ops to list
deny bob to list
"#;

fn access(action: &str, name: &str) -> Access {
    let action = match action {
        "list" => return Access::Catalog,
        "pull" => Action::Pull,
        "push" => Action::Push,
        "remove" => Action::Remove,
        _ => Action::Delete,
    };
    Access::Repository(RepositoryName::parse(name).unwrap(), action)
}

fn named(name: Option<&str>) -> Who<'_> {
    Who { name, groups: &[] }
}

#[track_caller]
fn check(who: &str, action: &str, name: &str, expected: bool, rule: &str) {
    let rules = Rules::parse("r", RULES).unwrap();
    let who = (who != "-").then_some(who);
    let (allowed, by) = rules.decide(named(who), &access(action, name));
    assert_eq!((allowed, by.to_string().as_str()), (expected, rule), "{who:?} {action} {name}");
}

const NO: &str = "no line of r allows it";

#[test]
fn the_longest_pattern_about_the_caller_and_the_action_counts() {
    check("-", "pull", "library/alpine", true, "r:5");
    check("-", "pull", "public", true, "r:5");
    check("x", "pull", "library/alpine", true, "r:5");
    check("-", "push", "library/alpine", false, NO);
    check("-", "pull", "other", false, NO);
    check("x", "pull", "other", true, "r:6");
    check("x", "push", "other", false, NO);
    // What others say about pulling there takes nothing from those who may push everywhere.
    check("alice", "push", "library/alpine", true, "r:7");
    check("carol", "delete", "other", true, "r:7");
    check("dave", "push", "team/a", true, "r:9");
    check("dave", "delete", "team/a", false, NO);
    check("alice", "push", "team/a", true, "r:7");
    check("x", "pull", "team/a/b", true, "r:6");
    check("mallory", "pull", "team/a", false, "r:10");
    check("mallory", "pull", "other", true, "r:6");
}

#[test]
fn of_one_pattern_the_line_counts_that_says_most_closely_who_is_meant() {
    check("alice", "pull", "team/secret/a", false, "r:11");
    check("-", "pull", "team/secret/a", false, "r:11");
    check("dave", "push", "team/secret/a", false, "r:11");
    check("repo:org/app:ref", "push", "team/secret/a", true, "r:12");
    check("ci-1", "pull", "team/secret/a", true, "r:12");
    // And between two that say the same, the one that denies.
    check("ci-7", "push", "team/ci", false, "r:14");
}

#[test]
fn the_catalog_has_lines_of_its_own() {
    check("alice", "list", "", true, "r:15");
    check("bob", "list", "", false, "r:16");
    check("carol", "list", "", false, NO);
    check("-", "list", "", false, NO);
}

#[test]
fn nothing_is_allowed_by_an_empty_file() {
    for text in ["", "# nothing\n\n", "group a: b"] {
        let rules = Rules::parse("r", text).unwrap();
        for action in ["pull", "push", "delete", "list"] {
            let decided = rules.decide(named(Some("alice")), &access(action, "a"));
            assert_eq!(decided, (false, Rule::NoLine("r".into())));
        }
    }
}

#[test]
fn explanations_are_sentences() {
    let rules = Rules::parse("r", RULES).unwrap();
    let explain = |who, action, name| rules.explain(who, &access(action, name)).to_string();
    assert_eq!(
        explain(Some("dave"), "push", "team/a"),
        "dave may push to team/a: r:9 allows it, for team/**"
    );
    assert_eq!(
        explain(Some("mallory"), "pull", "team/a"),
        "mallory may not pull from team/a: r:10 denies it, for team/**"
    );
    assert_eq!(
        explain(Some("alice"), "list", ""),
        "alice may list the repositories: r:15 allows it"
    );
    assert_eq!(
        explain(None, "remove", "b"),
        "an anonymous caller may not remove b: no line of r allows it"
    );
    assert_eq!(
        explain(None, "delete", "b"),
        "an anonymous caller may not delete in b: no line of r allows it"
    );
}

#[test]
fn lines_that_are_not_understood_are_errors_with_their_place() {
    for (text, problem) in [
        ("permit a to pull in b", "r:1: expected allow, deny or group"),
        (
            "\n\nallow a",
            "r:3: expected WHO to pull, push, delete, remove in PATTERN; or WHO to list",
        ),
        ("allow a to pull", "r:1: expected WHO to"),
        ("allow a to pull in", "r:1: something is missing"),
        ("allow to pull in b", "r:1: something is missing"),
        ("allow a, to pull in b", "r:1: something is missing"),
        ("allow a b to pull in c", "r:1: there is no place for b here"),
        ("allow a to fetch in b", "r:1: expected pull, push, delete or remove, found fetch"),
        ("allow a to pull push in b", "r:1: there is no place for push here"),
        ("allow a to list in b", "r:1: to list the repositories concerns no pattern"),
        ("allow @team to pull in b", "r:1: there is no group @team above"),
        ("allow anonymous to pull in b", "r:1: \"anonymous\" is not understood, write anyone"),
        ("allow * to pull in b", "r:1: \"*\" is not understood"),
        ("allow a to pull in B", "r:1: \"B\" is no pattern"),
        ("allow a: to pull in b", "r:1: there is no place for a colon here"),
        ("allow \"a to pull in b", "r:1: a quote is not closed"),
        ("group a b", "r:1: expected group NAME: MEMBER, MEMBER"),
        ("group a:", "r:1: something is missing"),
        ("group a: b\ngroup a: c", "r:2: there is a group a already"),
    ] {
        let error = Rules::parse("r", text).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{text:?}: {error}");
    }
}

#[test]
fn groups_of_a_caller_are_named_as_such() {
    let rules = Rules::parse(
        "r",
        "allow group:dev* to push in a\nallow *v to delete in a\ndeny group:old to push in a\n",
    )
    .unwrap();
    let may = |groups: &[&str], action| {
        let groups: Vec<_> = groups.iter().map(|group| format!("group:{group}").into()).collect();
        rules.decide(Who { name: Some("alice"), groups: &groups }, &access(action, "a")).0
    };
    assert!(may(&["dev"], "push") && may(&["ops", "devel"], "push"));
    assert!(!may(&["ops"], "push") && !may(&["dev", "old"], "push"));
    // `*v` is about names.
    assert!(!may(&["dev"], "delete"));
    assert!(rules.explain_in(Some("alice"), &["dev".to_owned()], &access("push", "a")).allowed);
}

proptest! {
    #[test]
    fn nothing_breaks_the_parser(text in "\\PC{0,80}", words in "(allow|deny|group|to|in|pull|list|,|:|\"|#|@a|a| ){0,16}") {
        let _ = Rules::parse("r", &text);
        let _ = Rules::parse("r", &words);
    }

    /// A caller who is known may do what an anonymous one may, unless a line denies it.
    #[test]
    fn to_say_who_one_is_costs_nothing(name in "[a-z]{1,8}", repository in "[a-z]{1,3}(/[a-z]{1,3}){0,2}") {
        let rules = Rules::parse("r", RULES).unwrap();
        let pull = access("pull", &repository);
        if rules.decide(Who::NOBODY, &pull).0 {
            prop_assert!(rules.decide(named(Some(&name)), &pull).0);
        }
    }
}
