//! URLs that clients may use.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::Method;
use object_store::{Result, path::Path, signer::Signer};
use wharf_driver_object::Sign;

use crate::build::Bucket;

/// Signs with the key of a service account, or has Google sign for who we are.
#[derive(Debug)]
pub(crate) struct Presigner(pub(crate) Arc<Bucket>);

#[async_trait]
impl Sign for Presigner {
    async fn sign(&self, method: &str, location: &Path, valid_for: Duration) -> Result<String> {
        let method = if method == "HEAD" { Method::HEAD } else { Method::GET };
        Ok(self.0.store.signed_url(method, location, valid_for).await?.into())
    }
}
