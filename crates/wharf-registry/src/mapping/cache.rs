//! `storage.cache`, and `redis` → the descriptor cache.

use std::{sync::Arc, time::Duration};

use wharf_cache::MokaDescriptorCache;
use wharf_cache_redis::{Operation, Options, RedisDescriptorCache, Tls, Watch};
use wharf_config::{CacheSize, Configuration, Redis, RedisTls, Secret};
use wharf_core::BlobDescriptorCache;
use wharf_metrics::RedisTimes;

use crate::Error;

pub(crate) const KEYS: &[&str] = &[
    "storage.cache.blobdescriptor",
    "storage.cache.layerinfo",
    "storage.cache.blobdescriptorsize",
    "redis.addrs",
    "redis.addr",
    "redis.db",
    "redis.username",
    "redis.password",
    "redis.mastername",
    "redis.sentinelusername",
    "redis.sentinelpassword",
    "redis.dialtimeout",
    "redis.readtimeout",
    "redis.writetimeout",
    "redis.tls.certificate",
    "redis.tls.key",
    "redis.tls.rootcas",
    "redis.tls.enabled",
];

/// Joins the cache with the numbers, which do not know of each other.
struct Timed(Arc<RedisTimes>);

/// The cache that is configured, if one is; how long redis takes is counted if somebody wants to know.
pub(crate) fn cache(
    configuration: &Configuration,
    times: Option<&Arc<RedisTimes>>,
) -> Result<Option<Arc<dyn BlobDescriptorCache>>, Error> {
    let storage = &configuration.storage;
    let entries = match storage.cache {
        None => return Ok(None),
        Some(CacheSize::Entries(entries)) => i64::try_from(entries.get()).unwrap_or(i64::MAX),
        Some(CacheSize::Unlimited) => 0,
    };
    let redis = configuration.redis.as_ref().filter(|_| storage.cache_in_redis);
    Ok(Some(match redis {
        None => Arc::new(MokaDescriptorCache::new(entries)),
        Some(redis) => {
            let cache = RedisDescriptorCache::new(&options(redis, entries));
            let cache = cache.map_err(|error| Error::Redis(error.to_string()))?;
            Arc::new(match times {
                Some(times) => cache.watched(Arc::new(Timed(Arc::clone(times)))),
                None => cache,
            })
        }
    }))
}

// === impl Timed ===

impl Watch for Timed {
    fn took(&self, operation: Operation, time: Duration) {
        let name = match operation {
            Operation::Stat => "Stat",
            Operation::Set => "SetDescriptor",
            Operation::Clear => "Clear",
            Operation::RepositoryStat => "RepoStat",
            Operation::RepositorySet => "RepoSetDescriptor",
            Operation::RepositoryClear => "RepoClear",
        };
        self.0.took(name, time);
    }
}

fn options(redis: &Redis, memory: i64) -> Options {
    // Every field is named, so that a new one is not forgotten here.
    let Redis {
        addresses,
        master_name,
        db,
        username,
        password,
        sentinel_username,
        sentinel_password,
        dial_timeout,
        read_timeout,
        write_timeout,
        tls,
    } = redis;
    let usual = Options::default();
    let reveal = |secret: &Option<Secret>| secret.as_ref().map(|it| it.reveal().to_owned());
    let waits = [read_timeout, write_timeout].into_iter().flatten();
    Options {
        addresses: addresses.clone(),
        master_name: master_name.clone(),
        db: *db,
        username: username.clone(),
        password: reveal(password),
        sentinel_username: sentinel_username.clone(),
        sentinel_password: reveal(sentinel_password),
        tls: tls.as_ref().map(|RedisTls { identity, root_cas }| Tls {
            identity: identity.clone(),
            authorities: root_cas.clone(),
        }),
        connect_timeout: dial_timeout.unwrap_or(usual.connect_timeout),
        timeout: waits.copied().reduce(|a, b| a.saturating_add(b)).unwrap_or(usual.timeout),
        memory,
    }
}
