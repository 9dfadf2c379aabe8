//! Requests at the same time.

use futures_util::future::join_all;
use wharf_core::{CreateOptions, ErrorKind, PageRequest};
use wharf_digest::Digest;

use super::support::*;

pub async fn one_blob_is_pushed_many_times(registry: Registry) {
    let repos = ["a", "a", "a", "b", "b", "a/b"].map(|name| repository(&registry, name));
    let digest = Digest::sha256(b"hello");
    let pushes = repos.iter().map(async |repo| {
        let mut writer = begin(repo, CreateOptions::default()).await;
        writer.write("hel".into()).await.unwrap();
        writer.write("lo".into()).await.unwrap();
        writer.commit(&digest).await.unwrap();
        assert_eq!(read(repo, &digest).await.unwrap(), "hello");
    });
    let puts = repos.iter().map(|repo| push(repo, "hello"));
    tokio::join!(join_all(pushes), join_all(puts));
    for repo in &repos {
        assert_eq!(read(repo, &digest).await.unwrap(), "hello");
    }
}

pub async fn one_blob_is_deleted_and_pushed(registry: Registry) {
    let (a, b) = (repository(&registry, "a"), repository(&registry, "b"));
    let digest = push(&b, "hello").await.digest;
    for _ in 0..10 {
        let delete = async {
            match a.blobs().deleter().unwrap().delete(&digest).await {
                Ok(()) => {}
                Err(error) => assert!(error.is_unknown(), "{error:?}"),
            }
        };
        let (_, (), left) = tokio::join!(push(&a, "hello"), delete, read(&b, &digest));
        assert_eq!(left.unwrap(), "hello");
        // Whoever came last, it is either there or not.
        match read(&a, &digest).await {
            Ok(content) => assert_eq!(content, "hello"),
            Err(error) => assert!(error.is_unknown(), "{error:?}"),
        }
    }
    push(&a, "hello").await;
    assert_eq!(read(&a, &digest).await.unwrap(), "hello");
}

pub async fn many_images_are_pushed(registry: Registry) {
    let seeds: Vec<_> = (0..12).map(|seed| format!("seed-{seed:02}")).collect();
    let names = ["a", "a/b", "c"];
    let pushes = names.iter().flat_map(|name| {
        let repo = repository(&registry, name);
        seeds.iter().map(move |seed| (repo.clone(), seed))
    });
    join_all(pushes.map(async |(repo, seed)| push_image(&repo, seed, &[seed]).await)).await;
    assert_pages(names, &["b"], |page| registry.repositories(page)).await;
    for name in names {
        let repo = repository(&registry, name);
        assert_pages(&seeds, &["seed-"], |page| repo.tags().list(page)).await;
    }
}

pub async fn one_tag_is_moved_many_times(registry: Registry) {
    let repo = repository(&registry, "a");
    let seeds = ["one", "two", "three", "four", "five"];
    let images = join_all(seeds.map(|seed| push_image(&repo, seed, &["latest"]))).await;
    let latest = repo.tags().get(&tag("latest")).await.unwrap();
    assert!(images.iter().any(|image| image.digest() == latest));
    let mut pushed: Vec<_> = images.iter().map(|image| image.digest()).collect();
    pushed.sort();
    assert_eq!(repo.tags().history(&tag("latest")).await.unwrap(), pushed);
    let page = repo.tags().list(PageRequest::first(10)).await.unwrap();
    assert_eq!(page.items, [tag("latest")]);
    assert_eq!(repo.tags().lookup(&latest).await.unwrap(), [tag("latest")]);
}

/// Some are refused at once; of those who are let in, where the store has no locks, the first to save
/// goes on, and the others are told then.
pub async fn one_session_is_asked_for_by_many(registry: Registry) {
    let repo = repository(&registry, "a");
    let mut writer = begin(&repo, CreateOptions::default()).await;
    let id = writer.id().clone();
    writer.write("hello".into()).await.unwrap();
    writer.suspend().await.unwrap();
    drop(writer);
    drop(resume(&repo, &id).await);
    tokio::task::yield_now().await;
    let mut writers = Vec::new();
    for result in join_all((0..5).map(|_| repo.blobs().resume(&id))).await {
        match result {
            Ok(writer) => writers.push(writer),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::UploadBusy(_)), "{error:?}"),
        }
    }
    let mut saved = 0;
    for writer in &mut writers {
        writer.write(" world".into()).await.unwrap();
        match writer.suspend().await {
            Ok(_) => saved += 1,
            Err(error) => assert!(matches!(error.kind(), ErrorKind::UploadBusy(_)), "{error:?}"),
        }
    }
    assert!(saved == writers.len().min(1), "{saved} writers of one session");
    drop(writers);
    let mut writer = resume(&repo, &id).await;
    let content = if saved == 1 { "hello world" } else { "hello" };
    writer.commit(&Digest::sha256(content.as_bytes())).await.unwrap();
}
