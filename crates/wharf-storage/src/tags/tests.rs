use wharf_core::ManifestStore;

use super::*;
use crate::{
    Options,
    fixture::{Fixture, tag},
};

async fn listed(
    fixture: &Fixture,
    after: Option<&str>,
    limit: usize,
) -> (Vec<String>, Option<String>) {
    let request = PageRequest { after: after.map(str::to_owned), limit };
    let page = fixture.tags().list(request).await.unwrap();
    (page.items.iter().map(ToString::to_string).collect(), page.next)
}

#[tokio::test]
async fn pages_hold_every_tag_once() {
    let fixture = Fixture::new();
    let image = fixture.image(b"layer").await.build();
    // `1.0` is a prefix of what comes before it in the order of a store (defect 2).
    let names = ["1", "1.0", "1.0-alpine", "1.0.1", "1.0_", "2", "A", "a"];
    fixture.stored(&image, &names).await;

    pages_hold(&fixture, &names).await;
    for files in 1..=20 {
        pages_hold(&fixture.far(files), &names).await;
    }
}

async fn pages_hold(fixture: &Fixture, names: &[&str]) {
    let all: Vec<String> = names.iter().map(ToString::to_string).collect();
    assert_eq!(listed(fixture, None, 100).await, (all, None));
    for limit in 1..=names.len() {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (items, next) = listed(fixture, after.as_deref(), limit).await;
            assert!(items.len() == limit || next.is_none());
            all.extend(items);
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(all, names, "pages of {limit}");
    }
    assert_eq!(
        listed(fixture, Some("1.0.0"), 1).await,
        (vec!["1.0.1".into()], Some("1.0.1".into()))
    );
    assert_eq!(listed(fixture, Some("z"), 1).await, (vec![], None));
    assert_eq!(listed(fixture, None, 0).await, (vec![], None));
}

#[tokio::test]
async fn leftovers_are_skipped_and_do_not_end_a_page() {
    let fixture = Fixture::new();
    let image = fixture.image(b"layer").await.build();
    let digest = fixture.stored(&image, &["b", "y"]).await;
    let history = format!("index/{}/link", digest.to_string().replace(':', "/"));
    fixture.write(&format!("_manifests/tags/a/{history}"), digest.to_string()).await;
    for (name, content) in [("c", ""), ("d", "nonsense"), ("e", "sha256:"), ("z", "sha256:00\n")] {
        fixture.write(&format!("_manifests/tags/{name}/current/link"), content).await;
    }
    fixture.write("_manifests/tags/f", "a file").await;
    fixture.write("_manifests/tags/_g-/current/link", digest.to_string()).await;
    fixture.write("_manifests/tags/-g/current/link", digest.to_string()).await;

    for listing in [fixture.restarted(Options::default()), fixture.far(1), fixture.far(1000)] {
        assert_eq!(listed(&listing, None, 1).await, (vec!["_g-".into()], Some("_g-".into())));
        assert_eq!(listed(&listing, Some("_g-"), 1).await, (vec!["b".into()], Some("b".into())));
        assert_eq!(listed(&listing, Some("b"), 1).await, (vec!["y".into()], None));
    }
    for name in ["a", "c", "d", "e"] {
        let error = fixture.tags().get(&tag(name)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TagUnknown(_)), "{error}");
        let error = fixture.get(tag(name)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ManifestUnknown { .. }), "{error}");
    }
    // What is left of a tag can be cleared away.
    fixture.tags().untag(&tag("c")).await.unwrap();
    assert!(!fixture.exists("_manifests/tags/c/current/link").await);
    assert!(fixture.tags().untag(&tag("a")).await.is_err());
    assert!(!fixture.exists(&format!("_manifests/tags/a/{history}")).await);
}

#[tokio::test]
async fn a_repository_without_manifests_is_unknown() {
    let fixture = Fixture::new();
    fixture.blob(b"blob").await;
    let error = fixture.tags().list(PageRequest::first(10)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::RepositoryUnknown(_)), "{error}");

    let image = fixture.image(b"layer").await.build();
    fixture.stored(&image, &[]).await;
    assert_eq!(listed(&fixture, None, 10).await, (vec![], None));
}

#[tokio::test]
async fn tags_move_and_remember() {
    let fixture = Fixture::new();
    let image = fixture.image(b"layer").await;
    let first = fixture.stored(&image.build(), &["latest", "v1"]).await;
    let second = fixture.stored(&image.annotation("a", "b").build(), &["latest"]).await;
    let tags = fixture.tags();

    assert_eq!(tags.get(&tag("latest")).await.unwrap(), second);
    let mut both = vec![first, second];
    both.sort();
    assert_eq!(tags.history(&tag("latest")).await.unwrap(), both);
    assert_eq!(tags.lookup(&first).await.unwrap(), [tag("v1")]);

    tags.tag(&tag("latest"), &first).await.unwrap();
    assert_eq!(tags.lookup(&first).await.unwrap(), [tag("latest"), tag("v1")]);
    for files in 1..=8 {
        let far = fixture.far(files).tags();
        assert_eq!(far.lookup(&first).await.unwrap(), [tag("latest"), tag("v1")], "{files}");
        assert_eq!(far.lookup(&second).await.unwrap(), [], "{files}");
    }
    tags.untag(&tag("latest")).await.unwrap();
    for gone in [tags.get(&tag("latest")).await.err(), tags.untag(&tag("latest")).await.err()] {
        assert!(matches!(gone.unwrap().kind(), ErrorKind::TagUnknown(_)));
    }
    assert!(tags.history(&tag("latest")).await.is_err());
    assert!(fixture.get(first).await.is_ok());
}

#[tokio::test]
async fn a_tag_needs_a_manifest() {
    let fixture = Fixture::new();
    let unknown = fixture.tags().tag(&tag("a"), &Digest::sha256(b"")).await.unwrap_err();
    assert!(matches!(unknown.kind(), ErrorKind::ManifestUnknown { .. }), "{unknown}");
}

#[tokio::test]
async fn untagging_is_a_delete() {
    let fixture = Fixture::with(Options::default());
    let image = fixture.image(b"layer").await.build();
    fixture.stored(&image, &["a"]).await;
    let refused = fixture.tags().untag(&tag("a")).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Unsupported(_)), "{refused}");
    let refused = fixture
        .restarted(Options { read_only: true.into(), delete: true, ..Options::default() })
        .tags()
        .tag(&tag("b"), &Digest::sha256(&image.bytes))
        .await
        .unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Unsupported(_)), "{refused}");
}

#[tokio::test]
async fn a_delete_takes_every_tag_with_it_wherever_the_store_is() {
    for files in [1, 2, 5, 1000] {
        let fixture = Fixture::new();
        let image = fixture.image(b"layer").await;
        let first = fixture.stored(&image.build(), &["1", "1.0", "1.0-a", "latest"]).await;
        let second = fixture.stored(&image.annotation("a", "b").build(), &["latest"]).await;
        // What somebody else has written without a history.
        fixture.write("_manifests/tags/plain/current/link", first.to_string()).await;
        fixture.far(files).manifests().delete(&first).await.unwrap();
        assert_eq!(listed(&fixture, None, 100).await.0, ["latest"], "{files}");
        assert!(!fixture.exists("_manifests/tags/1.0/current/link").await);
        assert_eq!(fixture.get(tag("latest")).await.unwrap().digest(), second);
        assert!(fixture.get(first).await.is_err());
    }
}

/// A tag that moves each night has a long history, which must not be read on the way.
#[tokio::test]
async fn a_long_history_is_passed_by() {
    let fixture = Fixture::new();
    let image = fixture.image(b"layer").await;
    let names: Vec<String> = (0..40).map(|number| format!("t{number:02}")).collect();
    let tags: Vec<&str> = names.iter().map(String::as_str).collect();
    let digest = fixture.stored(&image.build(), &tags).await;
    for number in 0..500_u32 {
        let old = Digest::sha256(&number.to_be_bytes()).to_string();
        for name in ["t03", "t04", "t39"] {
            let history = format!("_manifests/tags/{name}/index/{}/link", old.replace(':', "/"));
            fixture.write(&history, old.clone()).await;
        }
    }
    for files in [7, 60, 1000] {
        let far = fixture.far(files);
        assert_eq!(listed(&far, None, 100).await.0, names, "{files}");
        assert_eq!(listed(&far, Some("t03"), 2).await.0, names[4..6], "{files}");
        assert_eq!(far.tags().lookup(&digest).await.unwrap().len(), 40, "{files}");
    }
}
