//! Finds the configuration.

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use wharf_config::{ConfigError, Configuration, Loaded, Place};

/// Names the file where the command line does not.
const PATH: &str = "REGISTRY_CONFIGURATION_PATH";

/// What the embedded default is called.
const EMBEDDED: &str = "the embedded default";

/// A configuration, and where it came from.
pub(crate) struct Found {
    pub(crate) loaded: Loaded,
    pub(crate) source: String,
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum Error {
    Unreadable(PathBuf, io::Error),
    Invalid(ConfigError),
}

/// Whether the environment names a file.
pub(crate) fn is_in_environment() -> bool {
    env::var_os(PATH).is_some_and(|path| !path.is_empty())
}

/// A configuration as it was written down.
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) source: String,
    /// What is laid over it.
    pub(crate) variables: Vec<(String, String)>,
}

/// Loads the file of the command line, or the environment's, or else the embedded default.
pub(crate) fn load(path: Option<&Path>) -> Result<Found, Error> {
    load_with(path, Vec::new())
}

/// The same, with variables that come before those of the environment.
pub(crate) fn load_with(path: Option<&Path>, first: Vec<(String, String)>) -> Result<Found, Error> {
    let mut written = find(path)?;
    written.variables.retain(|(name, _)| first.iter().all(|(other, _)| other != name));
    written.variables.extend(first);
    written.load()
}

/// Finds the same.
pub(crate) fn find(path: Option<&Path>) -> Result<Written, Error> {
    let from_environment = env::var_os(PATH).filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = path.map(Path::to_owned).or(from_environment);
    let (text, source) = match &path {
        Some(path) => {
            let text = read(path).map_err(|error| Error::Unreadable(path.clone(), error))?;
            (text, path.display().to_string())
        }
        None => (Configuration::EMBEDDED.to_owned(), EMBEDDED.to_owned()),
    };
    Ok(Written { text, source, variables: variables()? })
}

/// Reads a file, or as much of it as shows that it is too large.
fn read(path: &Path) -> io::Result<String> {
    const ENOUGH: u64 = 2 * 1024 * 1024;
    let mut text = String::new();
    File::open(path)?.take(ENOUGH).read_to_string(&mut text)?;
    Ok(text)
}

/// The variables that may concern us, all of them readable.
fn variables() -> Result<Vec<(String, String)>, Error> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with("REGISTRY_"))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => {
                let place = Place::Variable(name.into());
                Err(Error::Invalid(ConfigError::new(place, "", "the value is not UTF-8")))
            }
        })
        .collect()
}

// === impl Written ===

impl Written {
    /// What it says.
    pub(crate) fn load(self) -> Result<Found, Error> {
        let Self { text, source, variables } = self;
        let loaded = Configuration::load(&text, &source, variables)?;
        Ok(Found { loaded, source })
    }
}

// === impl Error ===

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Invalid(error)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
