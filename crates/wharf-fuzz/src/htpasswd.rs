//! Files of users and passwords.

use std::path::Path;

use wharf_auth::Htpasswd;

/// What is wrong is said with its place, and without any of the file's content.
pub fn check(data: &[u8]) {
    match Htpasswd::problems(Path::new("users"), data) {
        Ok(problems) => assert!(problems.iter().all(|problem| problem.starts_with("users:"))),
        Err(error) => {
            let error = error.to_string();
            let known = ["expected USER:HASH", "it is not UTF-8"];
            assert!(known.iter().any(|known| error.ends_with(known)), "{error}");
        }
    }
}
