//! All repositories of a registry.

use wharf_core::{ErrorKind, PageRequest};

use super::support::*;

/// In the byte order of the full names, which is not the one in which a tree of folders is walked.
const NAMES: &[&str] = &[
    "1",
    "1.0",
    "1.0-alpine",
    "1.0.1",
    "1/0",
    "a",
    "a-b",
    "a-b/c",
    "a.b",
    "a/x",
    "a/x-y",
    "a/x/y",
    "a/x0",
    "a0",
    "a__b",
    "a_b",
    "deep/deep/deep/down",
];

/// Names that could stand in between.
const BETWEEN: &[&str] = &[
    "0",
    "1.0-a",
    "1.0-alpine/x",
    "1.0.0",
    "a--b",
    "a-b/b",
    "a.a",
    "a/a",
    "a/x/x",
    "a/x/z",
    "aa",
    "deep",
    "deep/deep",
    "deep/deep/deep/down/below",
    "z",
];

pub async fn a_registry_begins_empty(registry: Registry) {
    let page = registry.repositories(PageRequest::first(10)).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, None));
    assert_pages(Vec::<String>::new(), BETWEEN, |page| registry.repositories(page)).await;
}

pub async fn repositories_are_listed_by_page(registry: Registry) {
    for name in NAMES.iter().rev() {
        push_image(&repository(&registry, name), "one", &["latest"]).await;
    }
    assert_pages(NAMES, BETWEEN, |page| registry.repositories(page)).await;
}

pub async fn a_name_is_not_the_folder_of_another(registry: Registry) {
    push_image(&repository(&registry, "a/b/c"), "one", &["latest"]).await;
    assert_pages(["a/b/c"], &["a", "a/b"], |page| registry.repositories(page)).await;
    push_image(&repository(&registry, "a"), "one", &[]).await;
    assert_pages(["a", "a/b/c"], &["a/b"], |page| registry.repositories(page)).await;
    let between = repository(&registry, "a/b");
    assert!(between.tags().list(PageRequest::first(1)).await.unwrap_err().is_unknown());
    assert!(!has(&between, tag("latest")).await);
}

pub async fn a_repository_without_manifests_is_not_listed(registry: Registry) {
    push(&repository(&registry, "blobs/only"), "hello").await;
    push_image(&repository(&registry, "image"), "one", &[]).await;
    assert_pages(["image"], &["blobs/only"], |page| registry.repositories(page)).await;
}

pub async fn every_repository_can_be_found(registry: Registry) {
    let Some(enumerator) = registry.repository_enumerator() else { return };
    for (place, name) in NAMES.iter().enumerate() {
        let repo = repository(&registry, name);
        push(&repo, "hello").await;
        if place % 2 == 0 {
            push_image(&repo, "one", &[]).await;
        }
    }
    assert_pages(NAMES, BETWEEN, |page| enumerator.enumerate(page)).await;
}

pub async fn a_repository_can_be_removed(registry: Registry) {
    let Some(remover) = registry.repository_remover() else { return };
    let [above, removed, below] = ["a", "a/b", "a/b/c"].map(|name| repository(&registry, name));
    let mut image = None;
    for repo in [&above, &removed, &below] {
        image = Some(push_image(repo, "one", &["latest"]).await);
    }
    let image = image.unwrap();
    let blob = push(&removed, "hello").await.digest;
    assert!(is_there(&removed, &blob).await && has(&removed, tag("latest")).await);

    remover.remove(&name("a/b")).await.unwrap();
    assert!(!is_there(&removed, &blob).await);
    assert!(!has(&removed, tag("latest")).await && !has(&removed, image.digest()).await);
    assert_pages(["a", "a/b/c"], &["a/b"], |page| registry.repositories(page)).await;
    for repo in [&above, &below] {
        assert_eq!(fetch(repo, tag("latest")).await.unwrap(), image);
    }
    for gone in ["a/b", "never/was"] {
        let error = remover.remove(&name(gone)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::RepositoryUnknown(_)), "{error:?}");
    }
    push_image(&removed, "one", &["latest"]).await;
    assert_eq!(fetch(&removed, tag("latest")).await.unwrap(), image);
}

pub async fn all_blobs_can_be_found(registry: Registry) {
    let Some(blobs) = registry.global_blobs() else { return };
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let mut digests = Vec::new();
    for (repo, content) in [(&a, "one"), (&b, "two"), (&a, "three"), (&b, "four")] {
        digests.push(push(repo, content).await.digest);
    }
    push(&b, "one").await;
    for digest in &digests {
        assert_eq!(blobs.stat(digest).await.unwrap().digest, *digest);
    }
    assert!(blobs.stat(&unknown()).await.unwrap_err().is_unknown());
    let between = unknown().to_string();
    assert_pages(digests, &[&between], |page| blobs.enumerate(page)).await;
}

pub async fn a_registry_that_serves_says_so(registry: Registry) {
    registry.ping().await.unwrap();
}
