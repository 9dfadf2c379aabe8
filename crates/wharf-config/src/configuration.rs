//! The whole file.

use crate::{
    Auth, ConfigError, Document, Health, Http, Log, Notifications, Redis, Security, Storage,
    StorageMiddleware, Validation, Warning, check, environment,
    schema::SCHEMA,
    section::{Scalar, Section},
    tree::Node,
    yaml::{self, Origin},
};

/// A configuration, complete with its defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// What is logged, and how.
    pub log: Log,
    /// Where content is kept, and what may be done to it.
    pub storage: Storage,
    /// `middleware.storage`: where clients are sent to for blobs, the innermost first.
    pub storage_middleware: Vec<StorageMiddleware>,
    /// Who may do what; `None` for everybody everything.
    pub auth: Option<Auth>,
    /// `catalog.maxentries`: the most repositories in one page of the catalog.
    pub catalog_max_entries: u32,
    /// `tags.maxtags`: the most tags in one page, `None` for the registry's own choice.
    pub tags_max: Option<u32>,
    /// Where and how it is served.
    pub http: Http,
    /// A cache that several servers share, if it has an address.
    pub redis: Option<Redis>,
    /// Who is told of what happens.
    pub notifications: Notifications,
    /// What has to be well for anything to be served.
    pub health: Health,
    /// Which manifests are taken.
    pub validation: Validation,
    /// What the process forbids itself.
    pub security: Security,
}

/// A configuration, and what its operator should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was asked for.
    pub configuration: Configuration,
    /// What was asked for in vain.
    pub warnings: Vec<Warning>,
    /// How it was asked for, the variables included.
    pub document: Document,
}

/// The versions of the schema that there are.
struct Version;

// === impl Configuration ===

impl Configuration {
    /// The file that serves when there is none: a directory, loopback only, deletes on.
    pub const EMBEDDED: &str = include_str!("default.yml");

    /// Reads a file and lays the environment's `REGISTRY_*` variables over it; others are left alone.
    pub fn load(
        text: &str,
        file_name: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let (mut tree, mut warnings) = yaml::parse(text, Origin::File(file_name.into()))?;
        warnings.extend(environment::overlay(&mut tree, environment)?);
        tree.spell_out_choices(SCHEMA);
        let configuration = Self::read(&tree, &mut warnings)?;
        Ok(Loaded { configuration, warnings, document: Document::new(tree) })
    }

    /// The sections in which another configuration says something else.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        // Every field is named, so that a new one is not forgotten here.
        let Self {
            log,
            storage,
            storage_middleware,
            catalog_max_entries,
            tags_max,
            http,
            auth,
            redis,
            notifications,
            health,
            validation,
            security,
        } = self;
        let sections = [
            ("log", *log != other.log),
            ("storage", *storage != other.storage),
            ("middleware", *storage_middleware != other.storage_middleware),
            ("catalog", *catalog_max_entries != other.catalog_max_entries),
            ("tags", *tags_max != other.tags_max),
            ("http", *http != other.http),
            ("auth", *auth != other.auth),
            ("redis", *redis != other.redis),
            ("notifications", *notifications != other.notifications),
            ("health", *health != other.health),
            ("validation", *validation != other.validation),
            ("security", *security != other.security),
        ];
        sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    pub(crate) fn read(tree: &Node, warnings: &mut Vec<Warning>) -> Result<Self, ConfigError> {
        const CATALOG_MAX_ENTRIES: i64 = 1000;

        let root = Section::root(tree)?;
        if root.value::<Version>("version")?.is_none() {
            return Err(root.error("version is missing, expected version: 0.1"));
        }
        warnings.extend(check::check(tree)?);

        let catalog = root.section("catalog")?;
        let max_entries = catalog.value_or("maxentries", CATALOG_MAX_ENTRIES)?;
        let max_entries = if max_entries > 0 { max_entries } else { CATALOG_MAX_ENTRIES };
        Ok(Self {
            log: Log::read(&root, warnings)?,
            storage: Storage::read(&root, warnings)?,
            storage_middleware: StorageMiddleware::read_all(&root)?,
            auth: Auth::read(&root)?,
            catalog_max_entries: u32::try_from(max_entries).unwrap_or(u32::MAX),
            tags_max: root.section("tags")?.value("maxtags")?.filter(|max| *max > 0),
            http: Http::read(&root.section("http")?)?,
            redis: Redis::read(&root.section("redis")?)?,
            notifications: Notifications::read(&root.section("notifications")?)?,
            health: Health::read(&root.section("health")?)?,
            validation: Validation::read(&root.section("validation")?)?,
            security: Security::read(&root.section("security")?)?,
        })
    }
}

/// The embedded default, without any environment.
impl Default for Configuration {
    fn default() -> Self {
        Self::load(Self::EMBEDDED, "the embedded default", [])
            .expect("the embedded default is a constant, and a test loads it")
            .configuration
    }
}

// === impl Version ===

impl Scalar for Version {
    const EXPECTED: &'static str = "version 0.1, the only one there is";

    fn read(text: &str) -> Option<Self> {
        (text == "0.1").then_some(Self)
    }
}
