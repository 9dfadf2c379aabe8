#![doc = include_str!("../README.md")]

mod blobs;
mod cache;
mod context;
mod error;
mod manifests;
pub mod memory;
mod namespace;
mod page;
mod referrers;
mod switch;
mod tags;
mod uploads;

pub use blobs::{
    BlobDeleter, BlobEnumerator, BlobProvider, BlobReader, BlobRedirector, BlobStatter, BlobStore,
};
pub use cache::{BlobDescriptorCache, BlobDescriptorService};
pub use context::{Origin, RequestContext, Subject};
pub use error::{Error, ErrorKind, Result};
pub use manifests::{
    Fetched, GetOptions, ManifestBytes, ManifestEnumerator, ManifestStore, PutOptions, Stored,
};
pub use namespace::{GlobalBlobs, Namespace, Repository, RepositoryEnumerator, RepositoryRemover};
pub use page::{Page, PageRequest};
pub use referrers::ReferrerLister;
pub use switch::Switch;
pub use tags::TagStore;
pub use uploads::{
    BlobIngester, BlobWriter, CreateOptions, CreateOutcome, MayPull, Mount, UploadId, UploadStatus,
};
