//! Opens a bucket: makes sure that it can be used, and says what is wrong if it cannot.

use std::{sync::Arc, time::Duration};

use object_store::{
    RetryConfig,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};
use wharf_driver_cloud::{Refused, retry};
use wharf_driver_object::{ObjectDriver, Sign, Store, create_if_absent};

use crate::{Options, build::Bucket, compose::Composer, diagnosis, sign::Presigner};

/// Opens a bucket. Writes and removes one small object, to know what the store promises, unless it is
/// opened for reading only.
pub async fn open(options: &Options) -> Result<ObjectDriver, Refused> {
    let create_if_absent = probe(options).await?;
    let bucket = Bucket::build(options, retry())?;
    let signer: Arc<dyn Sign> = Arc::new(Presigner(bucket.clone()));
    let store = Store {
        objects: Arc::new(bucket.store.clone()),
        pages: Some(Arc::new(bucket.store.clone())),
        assemble: Some(Arc::new(Composer(bucket.clone()))),
        signer: bucket.signed.then_some(signer),
        // None is begun: what is composed is objects.
        orphans: None,
    };
    let settings = wharf_driver_object::Options {
        prefix: options.root.clone(),
        create_if_absent,
        persistent: true,
        ..wharf_driver_object::Options::default()
    };
    ObjectDriver::new("gcs", store, settings)
        .map_err(|error| Refused::new("rootdirectory", error.to_string()))
}

/// Whether create-if-absent holds.
async fn probe(options: &Options) -> Result<bool, Refused> {
    let bucket = Bucket::build(options, impatient())?;
    if bucket.signed {
        let credentials = bucket.store.credentials().get_credential().await;
        credentials.map_err(|error| diagnosis::nobody(&error, options))?;
    }
    let root = Path::parse(&options.root)
        .map_err(|error| Refused::new("rootdirectory", error.to_string()))?;
    let answered = match options.read_only {
        true => {
            let first = PaginatedListOptions { max_keys: Some(1), ..Default::default() };
            bucket.store.list_paginated(Some(root.as_ref()), first).await.map(|_| false)
        }
        false => create_if_absent(&bucket.store, &root).await,
    };
    answered.map_err(|error| diagnosis::explain(&error, options))
}

/// Whoever starts a server wants to know soon.
fn impatient() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..retry() }
}
