//! The key that signs the state of uploads.

use bytes::Bytes;
use uuid::Uuid;
use wharf_core::Result;
use wharf_driver::{Driver, PutMode};

use crate::{
    error::{StorageResult, damaged},
    layout,
};

/// A longer one is not ours.
const LIMIT: u64 = 4096;
/// A shorter one could be guessed.
const SHORTEST: usize = 16;

/// The key that the store holds; makes one if there is none. Restarts and replicas agree on it.
pub async fn upload_key(driver: &dyn Driver) -> Result<Vec<u8>> {
    if let Some(key) = read(driver).await? {
        return Ok(key);
    }
    let key = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    driver.put(&layout::upload_key(), Bytes::from(key), PutMode::Create).await.stored()?;
    tracing::info!(path = %layout::upload_key(), "a key for the state of uploads was made");
    // Another replica may have been first.
    read(driver).await?.ok_or_else(|| damaged("the upload key vanished"))
}

async fn read(driver: &dyn Driver) -> Result<Option<Vec<u8>>> {
    match driver.get(&layout::upload_key(), LIMIT).await.found()? {
        Some(key) if key.len() < SHORTEST => Err(damaged("the upload key is too short")),
        key => Ok(key.map(|key| key.to_vec())),
    }
}
