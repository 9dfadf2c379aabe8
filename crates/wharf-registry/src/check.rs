//! What can be said about a configuration without opening what it names.

use wharf_config::Configuration;

use crate::{Error, mapping};

/// Fails if a server could not be made of a configuration, wherever it runs: a pattern that is no
/// regular expression. Files and stores are not looked for.
pub fn check(configuration: &Configuration) -> Result<(), Error> {
    mapping::storage::options(configuration).map(drop)
}
