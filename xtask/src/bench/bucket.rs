//! Stores in a bucket: a service that has one, a prefix for each store, and lists that are pushed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use wharf_digest::Digest;

use super::connection::Connection;
use super::content::manifest;
use super::data::{TAGS, repository, tag};
use super::job::{How, Pusher};
use super::wire::Target;
use crate::Outcome;
use crate::services::{Kind, Service};
use crate::workspace::Workspace;

const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux"}"#;

/// How many push at once.
const CLIENTS: usize = 16;

const PUSH_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A bucket in a service that ends with the value.
pub(crate) struct Bucket {
    service: Service,
}

// === impl Bucket ===

impl Bucket {
    pub(crate) fn start(workspace: &Workspace) -> Outcome<Self> {
        Ok(Self { service: Service::start(workspace, Kind::S3)? })
    }

    /// The section of a configuration that has the store of a folder in this bucket.
    pub(crate) fn section(&self, store: &Path) -> String {
        let (_, section) = self.service.variable();
        format!("{}, rootdirectory: /{}}}", section.trim_end_matches('}'), name(store))
    }

    /// Where the store of a folder lies, if the service keeps files.
    pub(crate) fn folder(&self, store: &Path) -> PathBuf {
        self.service.bucket().join(name(store))
    }
}

fn name(store: &Path) -> String {
    store.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Pushes as many tags of one repository, and as many repositories, under the names that the stores
/// on disk have.
pub(crate) async fn push_lists(target: Target, size: usize) -> Outcome {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::<Outcome>::new();
    first(&target).await?;
    for _ in 0..CLIENTS {
        let (target, next) = (target.clone(), Arc::clone(&next));
        clients.spawn(async move {
            let mut connection = Connection::new(target, 0);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= size {
                    return Ok(());
                }
                push(&mut connection, TAGS, &tag(number)).await?;
                config(&mut connection, &repository(number)).await?;
                push(&mut connection, &repository(number), "latest").await?;
            }
        });
    }
    let all = async {
        while let Some(client) = clients.join_next().await {
            client??;
        }
        Ok(())
    };
    tokio::time::timeout(PUSH_LIMIT, all).await?
}

/// The image that all the tags share, once.
async fn first(target: &Target) -> Outcome {
    let mut connection = Connection::new(target.clone(), 0);
    config(&mut connection, TAGS).await
}

async fn config(connection: &mut Connection, repository: &str) -> Outcome {
    let mut to = Pusher { connection, repository };
    to.blob(Digest::sha256(CONFIG), &[CONFIG], How::Put).await
}

async fn push(connection: &mut Connection, repository: &str, tag: &str) -> Outcome {
    let config = (Digest::sha256(CONFIG), CONFIG.len());
    let image = manifest(config, &[config]).to_string();
    Pusher { connection, repository }.manifest(tag, image.as_bytes()).await
}
