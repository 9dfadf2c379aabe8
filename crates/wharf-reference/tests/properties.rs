//! What holds for every text.

use proptest::prelude::*;
use wharf_digest::Digest;
use wharf_reference::{Pattern, Reference, RepositoryName, Tag, TagOrDigest, oras, sort};

/// Texts of the characters that references are made of, and some that they are not.
const NEAR: &str = "([a-zA-Z0-9._:/@\\[\\]-]|sha256|latest|é|\n){0,60}";
const COMPONENT: &str = "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}";
const DOMAIN: &str =
    "([a-zA-Z0-9]{1,6}\\.[a-z]{2,3}|localhost|\\[[0-9a-f]{0,4}:[0-9a-f:]{2,20}\\])(:[0-9]{1,5})?";
const TAG: &str = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(COMPONENT, 1..5).prop_map(|components| components.join("/"))
}

fn reference() -> impl Strategy<Value = String> {
    let suffix = (prop::option::of(TAG), prop::option::of(any::<[u8; 4]>()));
    (prop::option::of(DOMAIN), path(), suffix).prop_map(|(domain, path, (tag, content))| {
        let domain = domain.map_or_else(String::new, |domain| format!("{domain}/"));
        let tag = tag.map_or_else(String::new, |tag| format!(":{tag}"));
        let digest = content.map_or_else(String::new, |c| format!("@{}", Digest::sha256(&c)));
        format!("{domain}{path}{tag}{digest}")
    })
}

proptest! {
    #[test]
    fn no_text_panics_and_what_parses_prints_as_it_was(text in prop_oneof![NEAR, any::<String>()]) {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(reference.to_string(), text.as_str());
        }
        if let Ok(named) = Reference::parse_named(&text) {
            prop_assert_eq!(named.to_string(), text.as_str());
        }
        if let Ok(name) = RepositoryName::parse(&text) {
            prop_assert_eq!(name.as_str(), text.as_str());
            prop_assert!(name.components().all(|c| !c.is_empty() && !c.starts_with(['.', '_', '-'])));
        }
        if let Ok(tag) = Tag::parse(&text) {
            prop_assert_eq!(tag.as_str(), text.as_str());
        }
        let _ = (TagOrDigest::parse(&text), Reference::parse_any(&text), Reference::parse_docker(&text));
        let _ = (oras::Reference::parse(&text), oras::validate_registry(&text), sort([text.as_str()]));
    }

    #[test]
    fn references_are_read_by_every_parser_alike(text in reference()) {
        let reference = Reference::parse(&text).unwrap();
        prop_assert_eq!(reference.to_string(), text.as_str());
        let normalized = Reference::parse_normalized(&text).unwrap();
        let canonical = normalized.to_string();
        prop_assert_eq!(&Reference::parse_named(&canonical).unwrap(), &normalized);
        prop_assert_eq!(&Reference::parse(&canonical).unwrap(), &normalized);
        if let Ok(familiar) = Reference::parse_normalized(&normalized.familiar_string()) {
            prop_assert_eq!(&familiar, &normalized);
        }
        if normalized.domain().is_some_and(|domain| !domain.contains('[')) {
            let oras = oras::Reference::parse(&canonical).unwrap();
            prop_assert_eq!(oras.reference().cloned(), normalized.target());
        }
    }

    #[test]
    fn a_normalized_reference_is_what_is_meant_when_it_is_pulled(text in reference()) {
        let pulled = Reference::parse_docker(&text).unwrap();
        prop_assert!(pulled.target().is_some());
        prop_assert!(pulled.tag().is_none() || pulled.digest().is_none());
        prop_assert_eq!(Reference::parse_docker(&pulled.to_string()).unwrap(), pulled);
    }

    #[test]
    fn names_and_tags_survive_json(name in path(), tag in TAG) {
        let name = RepositoryName::parse(&name).unwrap();
        let tag = Tag::parse(&tag).unwrap();
        let json = serde_json::to_string(&(&name, &tag)).unwrap();
        prop_assert_eq!(serde_json::from_str::<(RepositoryName, Tag)>(&json).unwrap(), (name, tag));
    }

    #[test]
    fn no_pattern_panics(pattern in "[a-c*?/\\[\\]^\\\\-]{0,12}", text in "[a-c/-]{0,20}") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let _ = pattern.matches(&text);
        }
    }

    #[test]
    fn a_text_matches_itself_and_the_star_of_its_components(text in path()) {
        prop_assert!(Pattern::parse(&text).unwrap().matches(&text));
        let stars = text.split('/').map(|_| "*").collect::<Vec<_>>().join("/");
        prop_assert!(Pattern::parse(&stars).unwrap().matches(&text));
    }
}

#[test]
fn json_that_is_no_name_is_refused() {
    assert!(serde_json::from_str::<RepositoryName>("\"../etc\"").is_err());
    assert!(serde_json::from_str::<Tag>("\"-x\"").is_err());
    assert!(serde_json::from_str::<Tag>("7").is_err());
}
