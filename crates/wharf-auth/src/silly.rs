//! Access control for tests of clients, as docker/distribution has it.

use async_trait::async_trait;

use crate::{Authenticate, Credentials, Identity, Presented, Rejection};

/// Takes whatever stands in `Authorization`, and calls everybody `silly`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silly;

// === impl Silly ===

#[async_trait]
impl Authenticate for Silly {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        match presented.credentials {
            Credentials::None => None,
            _ => Some(Ok(Identity::named("silly"))),
        }
    }
}
