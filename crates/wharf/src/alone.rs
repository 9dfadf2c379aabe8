//! Whether nobody else is at work on a store.

use wharf_registry::{
    driver::Result,
    maintenance::lease::{Kind, Lease},
};

/// The exit code of a command that somebody else is in the way of.
pub(crate) const REFUSED: u8 = 3;

/// Whether only the holder of a lease is at work; says who else is.
pub(crate) async fn on_the_store(lease: &Lease) -> Result<bool> {
    let others = [
        (Kind::Serving, "a server writes to the store"),
        (Kind::Collecting, "another program removes from the store"),
    ];
    for (kind, what) in others {
        if let Some(holder) = lease.find_other(kind).await? {
            tracing::error!("{what}: {holder}; stop it, or see --help about --force");
            return Ok(false);
        }
    }
    Ok(true)
}
