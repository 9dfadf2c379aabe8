//! Opens a bucket: makes sure that it can be used, and says what is wrong if it cannot.

use std::sync::Arc;

use object_store::path::Path;
use wharf_driver_cloud::{Refused, impatient, retry};
use wharf_driver_object::{ObjectDriver, Sign, Store};

use crate::{Options, build::Bucket, compose::Composer, diagnosis, sign::Presigner};

/// Opens a bucket. Writes, reads and removes one small object, to know what we may do and what the store
/// promises, unless it is opened for reading only.
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
        hashes: false,
    };
    let settings = wharf_driver_object::Options::lasting(&options.root, create_if_absent);
    ObjectDriver::new("gcs", store, settings)
        .map_err(|error| Refused::new("rootdirectory", error.to_string()))
}

/// Whether create-if-absent holds; an error in the words of the configuration if nothing works.
async fn probe(options: &Options) -> Result<bool, Refused> {
    let bucket = Bucket::build(options, impatient())?;
    if bucket.signed {
        let credentials = bucket.store.credentials().get_credential().await;
        credentials.map_err(|error| diagnosis::nobody(&error, options))?;
    }
    let root = Path::parse(&options.root)
        .map_err(|error| Refused::new("rootdirectory", error.to_string()))?;
    let answered = wharf_driver_object::probe(&bucket.store, &root, options.read_only).await;
    answered.map_err(|unusable| diagnosis::explain(&unusable, options))
}
