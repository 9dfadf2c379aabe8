//! Redis is not there, or does not answer: the cache goes on without it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use wharf_cache_redis::{Options, RedisDescriptorCache};
use wharf_core::BlobDescriptorService as _;
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, MediaType};

fn cache(address: String) -> RedisDescriptorCache {
    let patience = Duration::from_millis(200);
    let (connect_timeout, timeout) = (patience, patience);
    let addresses = vec![address];
    RedisDescriptorCache::new(&Options {
        addresses,
        connect_timeout,
        timeout,
        ..Options::default()
    })
    .unwrap()
}

async fn nobody() -> RedisDescriptorCache {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    cache(address)
}

wharf_testkit::cache_suite!(without_redis, new: nobody());

#[tokio::test]
async fn somebody_who_never_answers_delays_one_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cache = cache(listener.local_addr().unwrap().to_string());
    let silent = tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            connections.push(connection);
        }
    });
    let begun = Instant::now();
    for content in 0..1000_u16 {
        let digest = Digest::sha256(&content.to_le_bytes());
        let descriptor = Descriptor::new(MediaType::octet_stream(), digest, 2);
        let load = async { Ok(descriptor.clone()) };
        let found = cache.get_or_load(&digest, Box::pin(load)).await.unwrap();
        assert_eq!(found, descriptor);
        cache.clear(&digest).await;
    }
    // Two thousand time-outs would be four hundred seconds.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    silent.abort();
}
