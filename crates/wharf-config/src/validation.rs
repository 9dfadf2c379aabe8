//! `validation`: which manifests are taken.

use crate::{
    ConfigError, Place,
    section::{Found, Scalar, Section},
};

/// Which manifests are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// `validation.disabled`, unless `validation.enabled` says otherwise: neither the URLs of layers
    /// nor the children of indexes are looked at.
    pub disabled: bool,
    /// `validation.manifests.sparse`: blobs may be missing.
    pub sparse: bool,
    /// `validation.manifests.urls.allow`: what URLs of layers must match one of.
    pub allow_urls: Vec<Pattern>,
    /// `validation.manifests.urls.deny`: what URLs of layers must not match.
    pub deny_urls: Vec<Pattern>,
    /// `validation.manifests.indexes`: which children of an index must be there.
    pub platforms: Platforms,
}

/// A regular expression, which whoever uses it has to compile; it knows where it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The expression.
    pub text: String,
    /// The path of its key.
    pub key: String,
    /// Where it was given.
    pub place: Place,
}

/// Which children of an index must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Platforms {
    /// All of them.
    #[default]
    All,
    /// None.
    None,
    /// Those for one of these.
    List(Vec<Platform>),
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `architecture`, such as `amd64`.
    pub architecture: String,
    /// `os`, such as `linux`.
    pub os: String,
}

enum Policy {
    All,
    None,
    List,
}

// === impl Validation ===

impl Validation {
    pub(crate) fn read(validation: &Section<'_>) -> Result<Self, ConfigError> {
        let enabled = validation.flag("enabled")?;
        let manifests = validation.section("manifests")?;
        let urls = manifests.section("urls")?;
        Ok(Self {
            disabled: validation.flag("disabled")? && !enabled,
            sparse: manifests.flag("sparse")?,
            allow_urls: patterns(&urls, "allow")?,
            deny_urls: patterns(&urls, "deny")?,
            platforms: Platforms::read(&manifests.section("indexes")?)?,
        })
    }
}

fn patterns(urls: &Section<'_>, key: &str) -> Result<Vec<Pattern>, ConfigError> {
    urls.items(key)?.iter().map(Pattern::read).collect()
}

// === impl Pattern ===

impl Pattern {
    fn read(found: &Found<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            text: found.scalar()?,
            key: found.path().to_owned(),
            place: found.place().clone(),
        })
    }

    /// Says what is wrong with it.
    pub fn error(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.place.clone(), &self.key, problem)
    }
}

// === impl Platforms ===

impl Platforms {
    fn read(indexes: &Section<'_>) -> Result<Self, ConfigError> {
        let list = indexes
            .items("platformlist")?
            .iter()
            .map(|item| Platform::read(&item.section()?))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(match indexes.value_or("platforms", Policy::All)? {
            Policy::All => Self::All,
            Policy::None => Self::None,
            Policy::List => Self::List(list),
        })
    }
}

// === impl Platform ===

impl Platform {
    fn read(item: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            architecture: item
                .value("architecture")?
                .ok_or_else(|| item.missing("architecture"))?,
            os: item.value("os")?.ok_or_else(|| item.missing("os"))?,
        })
    }
}

// === impl Policy ===

impl Scalar for Policy {
    const EXPECTED: &'static str = "all, none or list";

    fn read(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "none" => Some(Self::None),
            "list" => Some(Self::List),
            _ => None,
        }
    }
}
