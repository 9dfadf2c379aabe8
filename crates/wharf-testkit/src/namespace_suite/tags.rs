//! The tags of a repository.

use wharf_core::{ErrorKind, PageRequest};
use wharf_digest::Digest;
use wharf_reference::Tag;

use super::support::*;

pub async fn a_tag_points_to_a_manifest(registry: Registry) {
    let repo = repository(&registry, "a");
    let digest = push_image(&repo, "one", &[]).await.digest();
    let latest = tag("latest");
    repo.tags().tag(&latest, &digest).await.unwrap();
    assert_eq!(repo.tags().get(&latest).await.unwrap(), digest);
    assert_eq!(fetch(&repo, latest.clone()).await.unwrap().digest(), digest);
    // Once more changes nothing.
    repo.tags().tag(&latest, &digest).await.unwrap();
    assert_eq!(repo.tags().history(&latest).await.unwrap(), [digest]);
    // The longest tag is one as well.
    let longest = tag(&"x".repeat(Tag::MAX_LEN));
    repo.tags().tag(&longest, &digest).await.unwrap();
    assert!(has(&repo, longest).await);
}

pub async fn unknown_tags_are_unknown(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    push_image(&a, "one", &["there"]).await;
    push_image(&b, "one", &["elsewhere"]).await;
    for repo in [&a, &repository(&registry, "nowhere")] {
        let elsewhere = tag("elsewhere");
        assert_tag_unknown(repo.tags().get(&elsewhere).await, "elsewhere");
        assert_tag_unknown(repo.tags().untag(&elsewhere).await, "elsewhere");
        assert_tag_unknown(repo.tags().history(&elsewhere).await, "elsewhere");
        assert!(!has(repo, elsewhere).await);
    }
    // Tags are not folded.
    assert_tag_unknown(a.tags().get(&tag("There")).await, "There");
}

pub async fn a_tag_needs_a_manifest(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let elsewhere = push_image(&b, "one", &[]).await.digest();
    let blob = push(&a, "no manifest").await.digest;
    for digest in [unknown(), elsewhere, blob] {
        let error = a.tags().tag(&tag("latest"), &digest).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ManifestUnknown { .. }), "{error:?}");
        assert_tag_unknown(a.tags().get(&tag("latest")).await, "latest");
    }
}

pub async fn what_is_untagged_is_gone_at_once(registry: Registry) {
    let repo = repository(&registry, "a");
    let digest = push_image(&repo, "one", &["old", "kept"]).await.digest();
    assert!(has(&repo, tag("old")).await);
    repo.tags().untag(&tag("old")).await.unwrap();
    assert!(!has(&repo, tag("old")).await);
    assert_tag_unknown(repo.tags().get(&tag("old")).await, "old");
    assert_tag_unknown(repo.tags().untag(&tag("old")).await, "old");
    assert_tag_unknown(repo.tags().history(&tag("old")).await, "old");
    assert_eq!(repo.tags().lookup(&digest).await.unwrap(), [tag("kept")]);
    assert!(has(&repo, digest).await && has(&repo, tag("kept")).await);
    repo.tags().tag(&tag("old"), &digest).await.unwrap();
    assert!(has(&repo, tag("old")).await);
}

pub async fn a_tag_has_a_history(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut pushed = Vec::new();
    for seed in ["one", "two", "three"] {
        pushed.push(push_image(&repo, seed, &["latest"]).await.digest());
    }
    push_image(&repo, "four", &["other"]).await;
    pushed.sort();
    assert_eq!(repo.tags().history(&tag("latest")).await.unwrap(), pushed);
    // A tag that is made anew begins anew.
    repo.tags().untag(&tag("latest")).await.unwrap();
    repo.tags().tag(&tag("latest"), &pushed[0]).await.unwrap();
    assert_eq!(repo.tags().history(&tag("latest")).await.unwrap(), pushed[..1]);
}

pub async fn tags_of_a_manifest_are_found(registry: Registry) {
    let repo = repository(&registry, "a");
    let one = push_image(&repo, "one", &["b", "a", "B", "moved"]).await.digest();
    let two = push_image(&repo, "two", &["moved"]).await.digest();
    assert_eq!(repo.tags().lookup(&one).await.unwrap(), ["B", "a", "b"].map(tag));
    assert_eq!(repo.tags().lookup(&two).await.unwrap(), [tag("moved")]);
    assert!(repo.tags().lookup(&unknown()).await.unwrap().is_empty());
}

pub async fn tags_are_listed_by_page(registry: Registry) {
    let repo = repository(&registry, "a");
    let tags = ["1", "1.0", "1.0-alpine", "1.0.1", "10", "A", "_x", "latest", "latest-1", "z"];
    let digest = push_image(&repo, "one", &[]).await.digest();
    for text in tags.iter().rev() {
        repo.tags().tag(&tag(text), &digest).await.unwrap();
    }
    push_image(&repository(&registry, "a/b"), "one", &["below"]).await;
    let between = ["0", "1.0-a", "1.0-alpine.1", "1.0.0", "1.0.2", "B", "below", "zz"];
    assert_pages(tags, &between, |page| repo.tags().list(page)).await;
    // What goes is gone from the list as well.
    repo.tags().untag(&tag("1.0")).await.unwrap();
    let left = tags.into_iter().filter(|text| *text != "1.0");
    assert_pages(left, &["1.0"], |page| repo.tags().list(page)).await;
}

pub async fn tags_of_an_unknown_repository_are_not_listed(registry: Registry) {
    push_image(&repository(&registry, "a/b"), "one", &["latest"]).await;
    for text in ["a", "a/b/c", "b"] {
        let repo = repository(&registry, text);
        let error = repo.tags().list(PageRequest::first(10)).await.unwrap_err();
        let unknown = matches!(error.kind(), ErrorKind::RepositoryUnknown(n) if n.as_str() == text);
        assert!(unknown, "{error:?}");
    }
}

pub async fn a_repository_may_have_no_tags(registry: Registry) {
    let repo = repository(&registry, "a");
    let list = |page| repo.tags().list(page);
    push_image(&repo, "one", &[]).await;
    assert_pages(Vec::<String>::new(), &["latest"], list).await;
    push_image(&repo, "two", &["latest"]).await;
    repo.tags().untag(&tag("latest")).await.unwrap();
    assert_pages(Vec::<String>::new(), &["latest"], list).await;
    let nobodys: Digest = unknown();
    assert!(repo.tags().lookup(&nobodys).await.unwrap().is_empty());
}
