//! The file: a line `user:hash` for each user.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::hash::Hash;

/// The users of a file.
#[derive(Debug)]
pub(crate) struct Users {
    hashes: HashMap<String, Arc<Hash>>,
    /// What is checked for users that are not here.
    nobody: Arc<Hash>,
    problems: Vec<String>,
}

/// No file says more about what is wrong with it.
const MOST_PROBLEMS: usize = 20;

// === impl Users ===

impl Users {
    /// Reads a file. Where a user stands twice, the last line counts, as in docker/distribution. A
    /// line that is none of the format is an error; a hash that cannot be checked costs its user.
    pub(crate) fn read(path: &Path, content: &[u8]) -> Result<Self, String> {
        let file = path.display();
        let text = std::str::from_utf8(content).map_err(|_| format!("{file}: it is not UTF-8"))?;
        let (mut hashes, mut problems) = (HashMap::new(), Vec::new());
        for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The line is not shown: it may hold a hash, or a password by mistake.
            let entry = line.split_once(':').filter(|(user, _)| !user.trim().is_empty());
            let (user, hash) =
                entry.ok_or_else(|| format!("{file}:{number}: expected USER:HASH"))?;
            let (hash, problem) = Hash::parse(hash.trim());
            if let Some(problem) = problem.filter(|_| problems.len() < MOST_PROBLEMS) {
                problems.push(format!("{file}:{number}: {user} cannot log in: {problem}"));
            }
            hashes.insert(user.trim().to_owned(), Arc::new(hash));
        }
        // What costs as much as a user of this file.
        let nobody = hashes.values().find(|hash| hash.is_known()).cloned();
        let nobody = nobody.unwrap_or_else(|| Arc::new(Hash::nobody()));
        Ok(Self { hashes, nobody, problems })
    }

    /// The hash to check for a user, and whether it is the user's own.
    pub(crate) fn hash(&self, user: &str) -> (Arc<Hash>, bool) {
        match self.hashes.get(user) {
            Some(hash) if hash.is_known() => (Arc::clone(hash), true),
            _ => (Arc::clone(&self.nobody), false),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Which users cannot log in, and why.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Users, String> {
        Users::read(Path::new("users"), text.as_bytes())
    }

    #[test]
    fn a_file_has_a_user_on_each_line() {
        let hash = |password| bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap().to_string();
        let (one, two) = (hash("one"), hash("two"));
        let text =
            format!("\u{feff}# users\r\n\n  alice:{one}\nbob:{one}\nbob:{two}\nold:$apr1$x$y\n");
        let users = read(&text).unwrap();
        let check = |user: &str, password: &str| {
            let (hash, known) = users.hash(user);
            known && hash.verify(password)
        };
        assert!(check("alice", "one") && check("bob", "two"));
        assert!(!check("alice", "two") && !check("bob", "one") && !check("carol", "one"));
        assert!(!check("old", "x") && !check("# users", "") && !check("Alice", "one"));
        assert_eq!(users.problems().len(), 1);
        assert!(users.problems()[0].starts_with("users:6: old cannot log in: only bcrypt"));
        assert!(!format!("{users:?}").contains("$2"));
    }

    #[test]
    fn a_line_that_is_none_is_an_error_that_shows_nothing_of_it() {
        for text in ["alice", ":hash", "ok:$2y$\nthe s3cret password"] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("users:") && !error.contains("s3cret"), "{error}");
        }
        assert_eq!(read("a:b\nnonsense").unwrap_err(), "users:2: expected USER:HASH");
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_parser(content: Vec<u8>) {
            let _ = Users::read(Path::new("users"), &content);
        }
    }
}
