//! Opens a bucket: makes sure that it can be used, and says what is wrong if it cannot.

use std::sync::Arc;

use object_store::path::Path;
use wharf_driver_cloud::{Refused, impatient, retry};
use wharf_driver_object::{Act, ObjectDriver, Orphans, Store, Unusable};

use crate::{
    Options, assemble::Copier, build::Bucket, diagnosis, orphans::Unfinished, sign::Presigner,
};

/// Opens a bucket. Writes, reads and removes one small object, and asks for unfinished uploads, to know what
/// we may do and what the store promises, unless it is opened for reading only.
pub async fn open(options: &Options) -> Result<ObjectDriver, Refused> {
    let create_if_absent = probe(options).await?;
    let bucket = Bucket::build(options, retry())?;
    let store = Store {
        objects: Arc::new(bucket.store.clone()),
        pages: Some(Arc::new(bucket.store.clone())),
        assemble: Some(Arc::new(Copier::new(bucket.clone(), options.copies))),
        signer: Some(Arc::new(Presigner(bucket.clone()))),
        hashes: bucket.signs_bodies,
        orphans: Some(Arc::new(Unfinished(bucket))),
    };
    let settings = wharf_driver_object::Options::lasting(&options.root, create_if_absent);
    ObjectDriver::new("s3", store, settings)
        .map_err(|error| Refused::new("rootdirectory", error.to_string()))
}

/// Whether create-if-absent holds; an error in the words of the configuration if nothing works.
async fn probe(options: &Options) -> Result<bool, Refused> {
    let bucket = Bucket::build(options, impatient())?;
    let credentials = bucket.store.credentials().get_credential().await;
    credentials.map_err(|error| diagnosis::nobody(&error, options))?;
    let root = Path::parse(&options.root)
        .map_err(|error| Refused::new("rootdirectory", error.to_string()))?;
    let explain = |unusable| diagnosis::explain(&unusable, options);
    let answered = wharf_driver_object::probe(&bucket.store, &root, options.read_only).await;
    let holds = answered.map_err(explain)?;
    if !options.read_only {
        may_find_uploads(bucket, &root).await.map_err(explain)?;
    }
    Ok(holds)
}

/// What nobody can find is paid for for ever. That a store knows no such list is no reason not to use it.
async fn may_find_uploads(bucket: Arc<Bucket>, root: &Path) -> Result<(), Unusable> {
    let listed = Unfinished(bucket).list(root.as_ref(), None).await;
    match listed.map_err(|error| Unusable { act: Act::ListUploads, error }) {
        Err(unusable) if unusable.is_denied() => Err(unusable),
        _ => Ok(()),
    }
}
