//! The stores of one run: written once for each layout that a server reads.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::data::{APP, Data, Family, MAIN};
use super::job::{How, Pusher};
use super::layout::Stored;
use super::peers::Peer;
use super::wire::Target;
use super::works::{Stage, Work};
use crate::Outcome;

/// What is pushed to a server before the run may take at most this long.
const PUSH_LIMIT: Duration = Duration::from_secs(10 * 60);

/// What was written, and where.
pub(crate) struct Stores {
    folder: PathBuf,
    pub(crate) data: Data,
}

// === impl Stores ===

impl Stores {
    /// Writes the stores that the works and the servers need.
    pub(crate) fn write(folder: &Path, works: &[&Work], peers: &[Peer]) -> Outcome<Self> {
        let families = peers.iter().filter_map(Peer::family).chain([Family::Common]);
        let sizes = works.iter().filter_map(|work| match work.stage {
            Stage::Lists(size) => Some(size),
            Stage::Empty => None,
        });
        let sizes: BTreeSet<usize> = sizes.chain([MAIN]).collect();
        let mut data = None;
        for family in families.collect::<BTreeSet<_>>() {
            for &size in &sizes {
                let start = Instant::now();
                let written = family.write(&root(folder, family, size), size)?;
                data = data.or(written);
                println!("store of {size} ({family:?}): {:.1} s", start.elapsed().as_secs_f64());
            }
        }
        let data = data.ok_or("the main store was not written")?;
        Ok(Self { folder: folder.to_owned(), data })
    }

    pub(crate) fn root(&self, family: Family, size: usize) -> PathBuf {
        root(&self.folder, family, size)
    }

    /// Pushes the blobs and the image to a server with no store of ours.
    pub(crate) async fn push(&self, target: Target) -> Outcome {
        let pushing = async {
            let mut connection = Connection::new(target, 0);
            let mut to = Pusher { connection: &mut connection, repository: APP };
            let Data { manifest, content, small, middle, large } = &self.data;
            for stored in content.iter().chain([small, middle, large]) {
                to.blob(stored.0, &[&self.read(stored)?], How::Put).await?;
            }
            to.manifest("latest", &self.read(manifest)?).await
        };
        tokio::time::timeout(PUSH_LIMIT, pushing).await?
    }

    fn read(&self, (digest, _): &Stored) -> Outcome<Vec<u8>> {
        let encoded = digest.encoded();
        let path = format!("docker/registry/v2/blobs/sha256/{}/{encoded}/data", &encoded[..2]);
        Ok(fs::read(self.root(Family::Common, MAIN).join(path))?)
    }
}

fn root(folder: &Path, family: Family, size: usize) -> PathBuf {
    folder.join(format!("{family:?}-{size}").to_lowercase())
}
