//! The store of a configuration, for those who look after it and those who serve it.

use std::sync::Arc;

use wharf_config::Configuration;
use wharf_driver::Driver;
use wharf_maintenance::lease::{Kind, Lease, Timing};

use crate::{Error, mapping};

/// Opens the store that a configuration names, without serving it.
pub async fn open_store(configuration: &Configuration) -> Result<Arc<dyn Driver>, Error> {
    mapping::driver::open(&configuration.storage.driver, configuration.storage.read_only).await
}

/// Says in the store that a server writes to it; fails while a collection removes from it. A store
/// that ends with the process is nobody else's.
pub(crate) async fn take_up(driver: &Arc<dyn Driver>) -> Result<Option<Lease>, Error> {
    if !driver.capabilities().persistent {
        return Ok(None);
    }
    let begun = Lease::begin(Arc::clone(driver), Kind::Serving, Timing::default()).await;
    let lease = match begun {
        Ok(lease) => lease,
        Err(error) => {
            tracing::warn!(%error, "no lease on the store: a garbage collection will not see us");
            return Ok(None);
        }
    };
    match lease.find_other(Kind::Collecting).await {
        Ok(None) => Ok(Some(lease)),
        Ok(Some(holder)) => {
            lease.end().await;
            Err(Error::Collecting { holder: holder.to_string() })
        }
        Err(error) => {
            tracing::warn!(%error, "whether garbage is being collected cannot be told");
            Ok(Some(lease))
        }
    }
}
