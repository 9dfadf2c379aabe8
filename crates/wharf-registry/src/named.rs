//! Whether the files and folders are there that a configuration names.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use wharf_config::{ConfigError, Configuration, Document, Named};
use wharf_tls::Acceptor;

use crate::{Error, mapping};

/// What has to be where something is named.
#[derive(Clone, Copy)]
enum Want {
    /// Nothing: that is what is looked for.
    Nothing,
    /// A folder, or one in which it can be made.
    Folder,
    /// The folder that it will be made in.
    Beside,
    /// A file that can be read.
    File,
}

/// What has to be there; for all that is not in the table, a file.
const WANTS: &[(&str, Want)] = &[
    ("storage.filesystem.rootdirectory", Want::Folder),
    ("notifications.queue.directory", Want::Folder),
    ("http.tls.letsencrypt.cachefile", Want::Folder),
    ("http.addr", Want::Beside),
    ("auth.audit", Want::Beside),
    ("health.file.", Want::Nothing),
];

/// What of the files and folders that a configuration names cannot be used on this machine.
pub fn unusable(document: &Document) -> Vec<ConfigError> {
    let unusable = |named: Named| {
        let Named { key, place, path } = named;
        let want = WANTS.iter().find(|(start, _)| key.starts_with(start));
        let error = want.map_or(Want::File, |(_, want)| *want).look(&path).err()?;
        Some(ConfigError::new(place, key, format!("{}: {error}", path.display())))
    };
    document.named().into_iter().filter_map(unusable).collect()
}

/// What stands in the files of `http.tls` and `auth` and cannot be used, each section by itself.
pub fn unfit(configuration: &Configuration, document: &Document) -> Vec<ConfigError> {
    let http = &configuration.http;
    // Where a certificate comes by itself it may not have come yet.
    let own = http.tls.as_ref().filter(|tls| tls.lets_encrypt.is_none());
    let tls = own.map(|tls| Acceptor::new(&mapping::tls::options(tls, http.http2)).map(drop));
    let tls = tls.transpose().map_err(|error| ("http.tls", error.to_string()));
    let auth =
        mapping::auth::guard(configuration.auth.as_ref(), http).map_err(|error| match error {
            Error::Auth { section, problem } => (section, problem),
            other => ("auth", other.to_string()),
        });
    let wrong = [tls.err(), auth.err()].into_iter().flatten();
    wrong
        .filter_map(|(key, problem)| Some(ConfigError::new(document.place(key)?, key, problem)))
        .collect()
}

// === impl Want ===

impl Want {
    fn look(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::File => is_read(path),
            Self::Folder => is_folder(path.ancestors().find(|path| path.exists())),
            Self::Beside => is_folder(path.parent()),
        }
    }
}

/// A byte is enough to know.
fn is_read(path: &Path) -> io::Result<()> {
    File::open(path)?.read(&mut [0]).map(drop)
}

fn is_folder(path: Option<&Path>) -> io::Result<()> {
    // What is named without a folder lies in that of the program.
    let path = path.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(io::Error::other(format!("{} is no folder", path.display()))),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}
