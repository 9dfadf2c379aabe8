//! `security.landlock`: the kernel lets this process reach the files that it needs, and no others.
//!
//! What it may touch is said by paths, before there is any thread besides the one that says it: whoever is
//! started later has the same limits. So what a mistake of ours, or a stranger's, could do ends at the
//! folder of the store and at those that the configuration names.

use wharf_config::{Configuration, Document};

/// The keys that are read here.
#[cfg(test)]
pub(crate) const KEYS: &[&str] = &["security.landlock"];

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nobody wants it.
    Off,
    /// It holds.
    On,
    /// It is wanted and does not hold; why not.
    Impossible(String),
}

/// Enters the sandbox, if the configuration says so. `file` is where the configuration came from.
pub(crate) fn enter(configuration: &Configuration, document: &Document, file: &str) -> Outcome {
    if !configuration.security.landlock {
        return Outcome::Off;
    }
    match linux::enter(configuration, document, file) {
        Ok(()) => Outcome::On,
        Err(problem) => Outcome::Impossible(problem),
    }
}

// === impl Outcome ===

impl Outcome {
    /// Says it in the log.
    pub(crate) fn log(&self) {
        match self {
            Self::Off => {}
            Self::On => tracing::info!(
                "landlock: only the store and what the configuration names can be reached from now on"
            ),
            Self::Impossible(problem) => {
                tracing::warn!("security.landlock has no effect: {problem}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        collections::BTreeSet,
        env,
        fs::{self, File},
        io,
        path::{Path, PathBuf},
    };

    use landlock::{
        ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, RulesetStatus, path_beneath_rules,
    };
    use wharf_config::{Configuration, Document, Driver};

    /// The newest rights that we know; a kernel that knows fewer keeps those.
    const KNOWN: ABI = ABI::V5;

    /// What the libraries read: names, certificates, time zones, and code that is loaded late.
    const SYSTEM: &[&str] = &[
        "/etc",
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/share",
        "/usr/local/share",
        "/run/systemd/resolve",
        "/run/resolvconf",
        "/run/nscd",
        "/run/secrets",
        "/proc/self",
        "/sys/fs/cgroup",
        "/sys/devices/system/cpu",
        "/dev/urandom",
    ];

    /// Files of the system that may be links to elsewhere, as those of NetworkManager and NixOS are.
    const LINKS: &[&str] =
        &["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime"];

    /// Variables that name files of certificates and credentials.
    const VARIABLES: &[&str] = &[
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AZURE_FEDERATED_TOKEN_FILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    ];

    /// Folders of the user with such files.
    const HOME: &[&str] = &[".aws", ".azure", ".config/gcloud"];

    pub(super) fn enter(
        configuration: &Configuration,
        document: &Document,
        file: &str,
    ) -> Result<(), String> {
        let written = written(configuration);
        for folder in &written {
            make(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let read = read(document, file);
        restrict(&read, &written).map_err(|error| match error {
            // To link and rename between folders is what storing something is.
            RulesetError::HandleAccesses(_) => {
                "this kernel has no landlock, or one before Linux 5.19".to_owned()
            }
            other => other.to_string(),
        })
    }

    fn restrict(read: &BTreeSet<PathBuf>, written: &BTreeSet<PathBuf>) -> Result<(), RulesetError> {
        let all: BitFlags<AccessFs> = AccessFs::from_all(KNOWN);
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V2))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(KNOWN)))?
            .add_rules(path_beneath_rules(["/dev/null"], AccessFs::from_file(KNOWN)))?
            .add_rules(path_beneath_rules(written, all))?
            .restrict_self()?;
        debug_assert_ne!(status.ruleset, RulesetStatus::NotEnforced);
        Ok(())
    }

    /// Where something is written: the store, the events, certificates that come by themselves, decisions,
    /// the socket file, and what is temporary.
    fn written(configuration: &Configuration) -> BTreeSet<PathBuf> {
        let mut folders = BTreeSet::from([env::temp_dir()]);
        if let Driver::Filesystem { root, .. } = &configuration.storage.driver {
            folders.insert(root.clone());
        }
        folders.extend(configuration.notifications.queue.directory.clone());
        let http = &configuration.http;
        let lets_encrypt = http.tls.as_ref().and_then(|tls| tls.lets_encrypt.as_ref());
        folders.extend(lets_encrypt.map(|it| it.cache.clone()));
        folders.extend(http.socket.as_deref().map(folder_of));
        let audit = configuration.auth.as_ref().and_then(|auth| auth.audit.as_deref());
        folders.extend(audit.map(folder_of));
        folders
    }

    /// What is read: the folders of files, since they may be replaced.
    fn read(document: &Document, file: &str) -> BTreeSet<PathBuf> {
        let mut paths: BTreeSet<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        let named = document.paths().into_iter().chain([PathBuf::from(file)]);
        let named = named.chain(LINKS.iter().map(PathBuf::from));
        let named = named.chain(VARIABLES.iter().filter_map(env::var_os).map(PathBuf::from));
        for path in named {
            // A symlink may lead to another folder, as those of Kubernetes do.
            let real = path.canonicalize().ok();
            for path in [Some(path), real].into_iter().flatten() {
                paths.insert(if path.is_dir() { path } else { folder_of(&path) });
            }
        }
        let home = env::var_os("HOME").map(PathBuf::from);
        paths.extend(home.iter().flat_map(|home| HOME.iter().map(|name| home.join(name))));
        paths
    }

    /// The folder of a file; that of a mere name is the one we are in.
    fn folder_of(path: &Path) -> PathBuf {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// Makes a folder that is not there, and that durable: what is not there cannot be allowed.
    fn make(folder: &Path) -> io::Result<()> {
        let folder = std::path::absolute(folder)?;
        let new: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.is_dir()).collect();
        fs::create_dir_all(&folder)?;
        for parent in new.iter().filter_map(|folder| folder.parent()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    use wharf_config::{Configuration, Document};

    pub(super) fn enter(_: &Configuration, _: &Document, _: &str) -> Result<(), String> {
        Err("only Linux has it".to_owned())
    }
}
