//! Opens a container: makes sure that it can be used, and says what is wrong if it cannot.

use std::sync::Arc;

use object_store::path::Path;
use wharf_driver_cloud::{Refused, impatient, retry};
use wharf_driver_object::{ObjectDriver, Store};

use crate::{Options, assemble::Copier, build::Container, diagnosis, sign::Presigner};

/// Opens a container. Writes, reads and removes one small blob, to know what we may do and what the store
/// promises, unless it is opened for reading only.
pub async fn open(options: &Options) -> Result<ObjectDriver, Refused> {
    let create_if_absent = probe(options).await?;
    let container = Container::build(options, retry())?;
    let store = Store {
        objects: Arc::new(container.store.clone()),
        pages: Some(Arc::new(container.store.clone())),
        assemble: Some(Arc::new(Copier::new(container.clone()))),
        signer: Some(Arc::new(Presigner(container))),
        // Blocks that no list names are gone after a week.
        orphans: None,
        hashes: false,
    };
    let settings = wharf_driver_object::Options {
        // An account with a hierarchical namespace goes from folder to folder.
        byte_order: false,
        ..wharf_driver_object::Options::lasting(&options.root, create_if_absent)
    };
    ObjectDriver::new("azure", store, settings)
        .map_err(|error| Refused::new("rootdirectory", error.to_string()))
}

/// Whether create-if-absent holds; an error in the words of the configuration if nothing works.
async fn probe(options: &Options) -> Result<bool, Refused> {
    let container = Container::build(options, impatient())?;
    let credentials = container.store.credentials().get_credential().await;
    credentials.map_err(|error| diagnosis::nobody(&error, options))?;
    let root = Path::parse(&options.root)
        .map_err(|error| Refused::new("rootdirectory", error.to_string()))?;
    let answered = wharf_driver_object::probe(&container.store, &root, options.read_only).await;
    answered.map_err(|unusable| diagnosis::explain(&unusable, options))
}
