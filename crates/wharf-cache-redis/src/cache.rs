//! The cache.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::{FutureExt as _, future::BoxFuture};
use redis::{Cmd, FromRedisValue, cmd};
use uuid::Uuid;
use wharf_cache::MokaDescriptorCache;
use wharf_core::{BlobDescriptorCache, BlobDescriptorService, Error as Unknown, Result};
use wharf_digest::Digest;
use wharf_manifest::Descriptor;
use wharf_reference::RepositoryName;

use crate::{Error, Options, connection::Link};

/// Remembers descriptors in redis, and those that are asked for most in memory. Cheap to clone; clones
/// share what they remember.
#[derive(Clone)]
pub struct RedisDescriptorCache {
    link: Arc<Link>,
    memory: MokaDescriptorCache,
    /// The same part of the cache in memory.
    near: Arc<dyn BlobDescriptorService>,
    /// `None` for the part that belongs to the whole registry.
    scope: Option<RepositoryName>,
    watch: Option<Arc<dyn Watch>>,
}

/// Wants to know how long redis takes.
pub trait Watch: Send + Sync {
    /// It has answered, or has not in time.
    fn took(&self, operation: Operation, time: Duration);
}

/// What redis is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To say what it remembers.
    Stat,
    /// To remember.
    Set,
    /// To forget.
    Clear,
    /// The same for a repository.
    RepositoryStat,
    /// The same for a repository.
    RepositorySet,
    /// The same for a repository.
    RepositoryClear,
}

/// What redis has under a key.
#[expect(clippy::large_enum_variant, reason = "one at a time, and taken apart at once")]
enum Remembered {
    Descriptor(Descriptor),
    /// Nothing that counts: this text, which is empty if there is none.
    Nothing(String),
    /// It does not say.
    Away,
}

/// How long an entry stays, in seconds.
const LIFETIME: u32 = 24 * 60 * 60;

/// Replaces a text that is still what it was.
const REPLACE: &str = "if (redis.call('GET', KEYS[1]) or '') == ARGV[1] then \
                       redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end return 1";

// === impl RedisDescriptorCache ===

impl RedisDescriptorCache {
    /// A cache in redis, to which a connection is made when it is needed first.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let memory = MokaDescriptorCache::new(options.memory);
        Ok(Self {
            link: Arc::new(Link::new(options)?),
            near: Arc::new(memory.clone()),
            memory,
            scope: None,
            watch: None,
        })
    }

    /// The same cache, with somebody who wants to know how long redis takes.
    #[must_use]
    pub fn watched(self, watch: Arc<dyn Watch>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    fn key(&self, digest: &Digest) -> String {
        let scope = self.scope.as_ref().map_or("", RepositoryName::as_str);
        format!("wharf:blob:{scope}:{digest}")
    }

    async fn recall(&self, digest: &Digest) -> Remembered {
        let mut get = cmd("GET");
        let asked = self.ask::<Option<String>>(Operation::Stat, get.arg(self.key(digest)));
        let Some(text) = asked.await else { return Remembered::Away };
        let text = text.unwrap_or_default();
        let descriptor = serde_json::from_str::<Descriptor>(&text).ok();
        match descriptor.filter(|descriptor| descriptor.digest == *digest) {
            Some(descriptor) => Remembered::Descriptor(descriptor),
            None => Remembered::Nothing(text),
        }
    }

    async fn ask<T: FromRedisValue>(&self, operation: Operation, command: &Cmd) -> Option<T> {
        let Some(watch) = &self.watch else { return self.link.ask(command).await };
        let begun = Instant::now();
        let answer = self.link.ask(command).await;
        watch.took(operation.of(self.scope.as_ref()), begun.elapsed());
        answer
    }

    /// Does something of which nobody waits for the answer to be right.
    async fn tell(&self, operation: Operation, command: &Cmd) {
        let _: Option<redis::Value> = self.ask(operation, command).await;
    }

    /// Keeps what was loaded, unless there was a clear since it was not there.
    async fn keep(&self, digest: &Digest, before: &str, descriptor: &Descriptor) {
        let mut replace = cmd("EVAL");
        replace.arg(REPLACE).arg(1).arg(self.key(digest)).arg(before);
        self.tell(Operation::Set, replace.arg(text(descriptor)).arg(LIFETIME)).await;
    }

    async fn put(&self, operation: Operation, digest: &Digest, text: String) {
        let mut set = cmd("SET");
        self.tell(operation, set.arg(self.key(digest)).arg(text).arg("EX").arg(LIFETIME)).await;
    }
}

#[async_trait]
impl BlobDescriptorService for RedisDescriptorCache {
    async fn get_or_load(
        &self,
        digest: &Digest,
        load: BoxFuture<'_, Result<Descriptor>>,
    ) -> Result<Descriptor> {
        let far = async {
            match self.recall(digest).await {
                Remembered::Descriptor(descriptor) => Ok(descriptor),
                Remembered::Away => load.await,
                Remembered::Nothing(before) => {
                    let descriptor = load.await?;
                    self.keep(digest, &before, &descriptor).await;
                    Ok(descriptor)
                }
            }
        };
        self.near.get_or_load(digest, far.boxed()).await
    }

    async fn get(&self, digest: &Digest) -> Option<Descriptor> {
        let far = async {
            match self.recall(digest).await {
                Remembered::Descriptor(descriptor) => Ok(descriptor),
                _ => Err(Unknown::blob_unknown(digest)),
            }
        };
        self.near.get_or_load(digest, far.boxed()).await.ok()
    }

    async fn set(&self, digest: &Digest, descriptor: Descriptor) {
        self.put(Operation::Set, digest, text(&descriptor)).await;
        self.near.set(digest, descriptor).await;
    }

    async fn clear(&self, digest: &Digest) {
        // A mark of its own, so that no load that began before it can take it for nothing. Redis comes
        // first: who asks after the memory was cleared must find nothing here.
        self.put(Operation::Clear, digest, Uuid::new_v4().to_string()).await;
        self.near.clear(digest).await;
    }
}

impl BlobDescriptorCache for RedisDescriptorCache {
    fn repository_scoped(&self, name: &RepositoryName) -> Arc<dyn BlobDescriptorService> {
        let near = self.memory.repository_scoped(name);
        Arc::new(Self { near, scope: Some(name.clone()), ..self.clone() })
    }
}

impl fmt::Debug for RedisDescriptorCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisDescriptorCache")
            .field("memory", &self.memory)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

// === impl Operation ===

impl Operation {
    /// The same for a repository, if there is one.
    fn of(self, repository: Option<&RepositoryName>) -> Self {
        match (self, repository) {
            (Self::Stat, Some(_)) => Self::RepositoryStat,
            (Self::Set, Some(_)) => Self::RepositorySet,
            (Self::Clear, Some(_)) => Self::RepositoryClear,
            _ => self,
        }
    }
}

/// A descriptor as it is kept.
fn text(descriptor: &Descriptor) -> String {
    serde_json::to_string(descriptor).expect("texts and numbers are JSON")
}
