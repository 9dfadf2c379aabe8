//! The file of credentials that Amazon's tools share.

use std::path::PathBuf;

use crate::{Keys, Options};

/// The keys in the profile of the environment, if there are such a file and such a profile.
pub(crate) fn keys(options: &Options) -> Option<Keys> {
    let text = std::fs::read_to_string(file(options)?).ok()?;
    read(&text, options.variable("AWS_PROFILE").unwrap_or("default"))
}

fn file(options: &Options) -> Option<PathBuf> {
    match options.variable("AWS_SHARED_CREDENTIALS_FILE") {
        Some(file) => Some(file.into()),
        None => Some(PathBuf::from(options.variable("HOME")?).join(".aws/credentials")),
    }
}

fn read(text: &str, profile: &str) -> Option<Keys> {
    let is_head = |line: &str| line.starts_with('[');
    let head = format!("[{profile}]");
    let lines = text.lines().map(str::trim).skip_while(|line| *line != head).skip(1);
    let pairs: Vec<(&str, &str)> = lines
        .take_while(|line| !is_head(line))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    let value = |name: &str| {
        let found = pairs.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Some(Keys {
        access: value("aws_access_key_id")?,
        secret: value("aws_secret_access_key")?,
        session_token: value("aws_session_token"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=S=\n\n\
                        [other]\naws_access_key_id=B\naws_secret_access_key=T\n\
                        aws_session_token=U\n[half]\naws_access_key_id=C\n";

    #[test]
    fn the_keys_of_a_profile_are_read() {
        let keys = read(FILE, "default").expect("there");
        assert_eq!((keys.access.as_str(), keys.secret.as_str()), ("A", "S="));
        assert_eq!(keys.session_token, None);
        assert_eq!(read(FILE, "other").expect("there").session_token.as_deref(), Some("U"));
        assert_eq!((read(FILE, "half"), read(FILE, "none")), (None, None));
    }
}
