//! What is kept between two starts: the account, and the certificate with its key.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use instant_acme::AccountCredentials;

use crate::Error;

/// A folder that only its owner reads.
pub(crate) struct Folder(PathBuf);

/// What stands before the certificate, so that one for other hosts is not taken for it.
const HOSTS: &str = "hosts: ";

// === impl Folder ===

impl Folder {
    /// Makes it, if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| Error::File { file: path.to_owned(), source })?;
        Ok(Self(path.to_owned()))
    }

    /// The file of certificate and key.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.join("certificate.pem")
    }

    /// Whether the certificate that is kept is for these hosts.
    pub(crate) fn is_for(&self, hosts: &[String]) -> bool {
        let text = fs::read_to_string(self.certificate()).unwrap_or_default();
        text.lines().next() == Some(&format!("{HOSTS}{}", hosts.join(" ")))
    }

    pub(crate) fn keep_certificate(
        &self,
        hosts: &[String],
        key: &str,
        chain: &str,
    ) -> Result<(), Error> {
        let text = format!("{HOSTS}{}\n{key}\n{chain}\n", hosts.join(" "));
        self.write(&self.certificate(), text.as_bytes())
    }

    /// The account at an authority.
    pub(crate) fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let text = fs::read(self.account_file()).ok()?;
        let (at, credentials): (String, _) = serde_json::from_slice(&text).ok()?;
        (at == directory).then_some(credentials)
    }

    pub(crate) fn keep_account(
        &self,
        directory: &str,
        credentials: &AccountCredentials,
    ) -> Result<(), Error> {
        let text = serde_json::to_vec(&(directory, credentials)).unwrap_or_default();
        self.write(&self.account_file(), &text)
    }

    fn account_file(&self) -> PathBuf {
        self.0.join("account.json")
    }

    /// Whole or not at all.
    fn write(&self, file: &Path, content: &[u8]) -> Result<(), Error> {
        let draft = file.with_extension(format!("{}.draft", std::process::id()));
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut new = options.open(&draft)?;
            new.write_all(content)?;
            new.sync_all()?;
            fs::rename(&draft, file)
        };
        write().map_err(|source| Error::File { file: file.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_is_for_its_owner_and_its_hosts() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(&place.path().join("a/b")).unwrap();
        let hosts = ["a.example".to_owned(), "b.example".to_owned()];
        assert!(!folder.is_for(&hosts));
        folder.keep_certificate(&hosts, "key", "chain").unwrap();
        assert!(folder.is_for(&hosts) && !folder.is_for(&hosts[..1]));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.certificate()), mode(&place.path().join("a/b"))), (0o600, 0o700));
        assert!(folder.account("https://a").is_none());
        assert_eq!(fs::read_dir(place.path().join("a/b")).unwrap().count(), 1);
    }
}
