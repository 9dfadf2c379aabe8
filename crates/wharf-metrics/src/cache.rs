//! Questions to the descriptor cache.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use wharf_core::{BlobDescriptorCache, BlobDescriptorService, Result};
use wharf_digest::Digest;
use wharf_manifest::Descriptor;
use wharf_reference::RepositoryName;

use crate::{
    Counter, Page,
    striped::{Striped, Sum},
};

/// What is counted of a cache.
#[derive(Debug, Default)]
pub struct Questions(Striped<Counts>);

#[derive(Debug, Default)]
struct Counts {
    asked: Counter,
    hits: Counter,
    errors: Counter,
}

/// Counts how often a cache knows the answer.
pub struct MeasuredCache<C: ?Sized> {
    questions: Arc<Questions>,
    inner: Arc<C>,
}

// === impl Questions ===

impl Questions {
    pub(crate) fn write(&self, page: &mut Page) {
        let counts = self.0.total();
        let families = [
            ("registry_storage_cache_requests_total", "The questions to the cache.", &counts.asked),
            ("registry_storage_cache_hits_total", "Those that it could answer.", &counts.hits),
            ("registry_storage_cache_errors_total", "Those that failed.", &counts.errors),
        ];
        for (name, help, counter) in families {
            page.family(name, "counter", help);
            page.sample(name, &[], counter.get() as f64);
        }
    }
}

impl Sum for Counts {
    fn add(&self, other: &Self) {
        self.asked.add(other.asked.get());
        self.hits.add(other.hits.get());
        self.errors.add(other.errors.get());
    }
}

// === impl MeasuredCache ===

impl<C: ?Sized> MeasuredCache<C> {
    /// Counts what is asked of a cache.
    pub fn new(inner: Arc<C>, questions: Arc<Questions>) -> Self {
        Self { questions, inner }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<C: BlobDescriptorService + ?Sized> BlobDescriptorService for MeasuredCache<C> {
    async fn get_or_load(
        &self,
        digest: &Digest,
        load: BoxFuture<'_, Result<Descriptor>>,
    ) -> Result<Descriptor> {
        self.questions.0.mine().asked.add(1);
        let loaded = AtomicBool::new(false);
        let load = async {
            loaded.store(true, Relaxed);
            load.await
        };
        let found = self.inner.get_or_load(digest, Box::pin(load)).await;
        match &found {
            Ok(_) if !loaded.load(Relaxed) => self.questions.0.mine().hits.add(1),
            Ok(_) => {}
            Err(_) => self.questions.0.mine().errors.add(1),
        }
        found
    }

    async fn get(&self, digest: &Digest) -> Option<Descriptor> {
        self.questions.0.mine().asked.add(1);
        let found = self.inner.get(digest).await;
        self.questions.0.mine().hits.add(u64::from(found.is_some()));
        found
    }

    async fn set(&self, digest: &Digest, descriptor: Descriptor) {
        self.inner.set(digest, descriptor).await;
    }

    async fn clear(&self, digest: &Digest) {
        self.inner.clear(digest).await;
    }
}

impl<C: BlobDescriptorCache + ?Sized> BlobDescriptorCache for MeasuredCache<C> {
    fn repository_scoped(&self, name: &RepositoryName) -> Arc<dyn BlobDescriptorService> {
        let inner = self.inner.repository_scoped(name);
        Arc::new(MeasuredCache { questions: Arc::clone(&self.questions), inner })
    }
}

#[cfg(test)]
mod tests {
    use wharf_cache::MokaDescriptorCache;
    use wharf_manifest::MediaType;

    use super::*;

    #[tokio::test]
    async fn answers_that_need_no_look_are_hits() {
        let questions = Arc::new(Questions::default());
        let cache =
            MeasuredCache::new(Arc::new(MokaDescriptorCache::new(10)), Arc::clone(&questions));
        let name = RepositoryName::parse("a").unwrap();
        let scoped = cache.repository_scoped(&name);
        let digest = Digest::sha256(b"");
        let descriptor = Descriptor::new(MediaType::octet_stream(), digest, 0);
        for _ in 0..3 {
            let load = async { Ok(descriptor.clone()) };
            scoped.get_or_load(&digest, Box::pin(load)).await.unwrap();
        }
        let counts = questions.0.total();
        assert_eq!((counts.asked.get(), counts.hits.get(), counts.errors.get()), (3, 2, 0));
    }
}
