//! The configuration: a file, and the variables that are laid over it.

use wharf_config::{Configuration, Loaded};

use crate::input::{split, text};

/// Ends the file; then comes one `NAME=value` a line, in which `\n` stands for a line break.
const ENVIRONMENT: &[u8] = b"\n#env\n";

/// Nothing else would contain it.
const SECRET: &str = "Zu5Ch-secret-8Wq";

/// Everything is loaded or refused, twice alike, and no secret is printed.
pub fn check(data: &[u8]) {
    let (file, environment) = split(data, ENVIRONMENT);
    let (Some(file), Some(environment)) = (text(file), text(environment)) else { return };
    let variables: Vec<(String, String)> = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("\\n", "\n")))
        .collect();

    match load(file, &variables) {
        Ok(loaded) => {
            let again = load(file, &variables).expect("it was loaded once");
            assert_eq!(again.configuration, loaded.configuration);
            assert_eq!(again.warnings, loaded.warnings);
        }
        Err(error) => {
            assert_eq!(load(file, &variables).err().as_ref(), Some(&error));
            let message = error.to_string();
            assert!(message.starts_with(&error.place().to_string()), "{message}");
            assert!(message.contains(error.key()), "{message}");
        }
    }
    with_secret(file, variables);
}

fn with_secret(file: &str, mut variables: Vec<(String, String)>) {
    for name in ["REGISTRY_HTTP_SECRET", "REGISTRY_HTTP_SECRET_X", "REGISTRY_AUTH_HTPASSWD"] {
        variables.push((name.to_owned(), format!("{SECRET}: [")));
        variables.push((name.to_owned(), SECRET.to_owned()));
    }
    let printed = match load(file, &variables) {
        Ok(loaded) => format!("{loaded:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!printed.contains(SECRET), "{printed}");
}

fn load(file: &str, variables: &[(String, String)]) -> Result<Loaded, wharf_config::ConfigError> {
    Configuration::load(file, "config.yml", variables.iter().cloned())
}
