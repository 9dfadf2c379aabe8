//! `storage`: where content is kept, and what may be done to it.

use std::{fmt, num::NonZeroU64, path::PathBuf, time::Duration};

use crate::{
    ConfigError, Redis, Warning,
    section::{Scalar, Section},
    tree::Entry,
};

pub mod azure;
pub mod client;
pub mod gcs;
pub mod s3;

/// Where content is kept, and what may be done to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// The one key of `storage` that names a driver.
    pub driver: Driver,
    /// `storage.delete.enabled`: clients may delete.
    pub delete: bool,
    /// Not `storage.redirect.disable`: clients may be sent to the store itself.
    pub redirect: bool,
    /// `storage.cache`: how many descriptors are remembered, if any.
    pub cache: Option<CacheSize>,
    /// `storage.cache.blobdescriptor: redis`: they are remembered in redis, too, which has an address.
    pub cache_in_redis: bool,
    /// `storage.cache.manifestmemory`: what manifests may hold of the memory, in bytes.
    pub manifest_memory: u64,
    /// `storage.maintenance.uploadpurging`.
    pub upload_purging: UploadPurging,
    /// `storage.maintenance.readonly.enabled`: nothing is changed.
    pub read_only: bool,
}

/// A storage driver and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driver {
    /// A directory.
    Filesystem {
        /// `rootdirectory`.
        root: PathBuf,
        /// `maxthreads`: how many operations run at once; at least 25.
        max_threads: u32,
    },
    /// The memory of the process.
    InMemory,
    /// A bucket of S3.
    S3(Box<s3::S3>),
    /// A container of Azure Blob Storage.
    Azure(Box<azure::Azure>),
    /// A bucket of Google Cloud Storage.
    Gcs(Box<gcs::Gcs>),
}

/// How many descriptors a cache holds: a number, or as many as there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheSize {
    /// At most so many.
    Entries(NonZeroU64),
    /// No bound, which the original reads out of a size of 0 or less.
    Unlimited,
}

/// What happens to uploads that nobody finishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPurging {
    /// Whether they are removed at all.
    pub enabled: bool,
    /// Those that began so long ago are.
    pub age: Duration,
    /// How often they are looked for.
    pub interval: Duration,
    /// They are only logged.
    pub dry_run: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum CacheKind {
    InMemory,
    Redis,
}

/// The keys of `storage` that are no drivers.
const SETTINGS: &[&str] = &["tag", "delete", "redirect", "cache", "maintenance"];

// === impl Storage ===

impl Storage {
    const MANIFEST_MEMORY: u64 = 32 << 20;

    pub(crate) fn read(
        root: &Section<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, ConfigError> {
        let storage = root.section("storage")?;
        let maintenance = storage.section("maintenance")?;
        let (cache, cache_in_redis) = cache(root, &storage.section("cache")?, warnings)?;
        Ok(Self {
            driver: Driver::read(&storage)?,
            delete: storage.section("delete")?.flag("enabled")?,
            redirect: !storage.section("redirect")?.flag("disable")?,
            cache,
            cache_in_redis,
            manifest_memory: storage
                .section("cache")?
                .value_or("manifestmemory", Self::MANIFEST_MEMORY)?,
            upload_purging: UploadPurging::read(&maintenance.section("uploadpurging")?)?,
            read_only: maintenance.section("readonly")?.flag("enabled")?,
        })
    }
}

// === impl Driver ===

impl Driver {
    fn read(storage: &Section<'_>) -> Result<Self, ConfigError> {
        let is_driver = |entry: &&Entry| !SETTINGS.contains(&entry.key.as_str());
        let drivers: Vec<&Entry> = storage.entries().iter().filter(is_driver).collect();
        let driver = match drivers[..] {
            [] => {
                let names = "filesystem, inmemory, s3, azure or gcs";
                return Err(storage.error(format!("no storage driver, expected {names}")));
            }
            [driver] => driver.key.as_str(),
            [first, second, ..] => {
                let problem = format!("several storage drivers: {}, {}", first.key, second.key);
                return Err(ConfigError::new(second.place.clone(), "storage", problem));
            }
        };
        let parameters = storage.section(driver)?;
        Ok(match driver {
            "inmemory" => Self::InMemory,
            "s3" | "s3aws" => Self::S3(Box::new(s3::S3::read(&parameters)?)),
            "azure" => Self::Azure(Box::new(azure::Azure::read(&parameters)?)),
            "gcs" => Self::Gcs(Box::new(gcs::Gcs::read(&parameters)?)),
            "filesystem" => Self::filesystem(&parameters)?,
            // The table refuses them, but only if they have any settings.
            _ => return Err(parameters.error("this storage driver is not supported")),
        })
    }

    fn filesystem(parameters: &Section<'_>) -> Result<Self, ConfigError> {
        const MAX_THREADS: u32 = 100;
        const FEWEST_THREADS: u32 = 25;

        let max_threads: u32 = parameters.value_or("maxthreads", MAX_THREADS)?;
        Ok(Self::Filesystem {
            root: parameters.value_or("rootdirectory", "/var/lib/registry".into())?,
            max_threads: max_threads.max(FEWEST_THREADS),
        })
    }
}

/// The place that it stands for, as people would call it.
impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filesystem { root, .. } => write!(f, "the directory {}", root.display()),
            Self::InMemory => f.write_str("memory"),
            Self::S3(s3) => write!(f, "the bucket {} of S3", s3.bucket),
            Self::Azure(azure) => write!(f, "the container {} of Azure", azure.container),
            Self::Gcs(gcs) => write!(f, "the bucket {} of Google", gcs.bucket),
        }
    }
}

// === impl CacheSize ===

impl CacheSize {
    const DEFAULT: i64 = 10_000;

    fn of(size: i64) -> Self {
        u64::try_from(size).ok().and_then(NonZeroU64::new).map_or(Self::Unlimited, Self::Entries)
    }
}

/// How many descriptors are remembered, and whether in redis, too.
fn cache(
    root: &Section<'_>,
    cache: &Section<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<(Option<CacheSize>, bool), ConfigError> {
    let old = cache.value::<CacheKind>("layerinfo")?;
    if let Some(found) = cache.find("layerinfo") {
        let problem = "deprecated, use blobdescriptor";
        warnings.push(Warning::new(found.place().clone(), found.path(), problem));
    }
    let size = cache.value_or("blobdescriptorsize", CacheSize::DEFAULT)?;
    match cache.value("blobdescriptor")?.or(old) {
        None => Ok((None, false)),
        Some(CacheKind::InMemory) => Ok((Some(CacheSize::of(size)), false)),
        Some(CacheKind::Redis) if Redis::read(&root.section("redis")?)?.is_none() => {
            Err(cache.error("redis needs an address in redis.addrs"))
        }
        Some(CacheKind::Redis) => Ok((Some(CacheSize::of(size)), true)),
    }
}

// === impl UploadPurging ===

impl UploadPurging {
    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let default = Self::default();
        Ok(Self {
            enabled: section.value_or("enabled", default.enabled)?,
            age: section.value_or("age", default.age)?,
            interval: section.time("interval", default.interval, Duration::from_secs(1))?,
            dry_run: section.value_or("dryrun", default.dry_run)?,
        })
    }
}

impl Default for UploadPurging {
    /// Daily, what is older than a week.
    fn default() -> Self {
        Self { enabled: true, age: 7 * 24 * Self::HOUR, interval: 24 * Self::HOUR, dry_run: false }
    }
}

// === impl CacheKind ===

impl Scalar for CacheKind {
    const EXPECTED: &'static str = "inmemory or redis";

    fn read(text: &str) -> Option<Self> {
        match text {
            "inmemory" => Some(Self::InMemory),
            "redis" => Some(Self::Redis),
            _ => None,
        }
    }
}
