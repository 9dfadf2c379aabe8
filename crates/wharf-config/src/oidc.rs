//! `auth.oidc`: issuers of JWTs whose subjects are taken as they are.

use std::{path::PathBuf, time::Duration};

use crate::{
    ConfigError, Url,
    auth::{REFRESH, SHORTEST_REFRESH, SigningAlgorithm, list, needed, set},
    schema::{ALGORITHMS, Key, path, text, time, url, word},
    section::Section,
};

/// An issuer of JWTs whose subjects are taken as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// `issuer`: its URL.
    pub issuer: String,
    /// `audience`: for whom its tokens have to be, for one of these.
    pub audiences: Vec<String>,
    /// `subject`: the claim that names the subject.
    pub subject: String,
    /// `groups`: the claim that names groups.
    pub groups: Option<String>,
    /// `prefix`: stands before every name.
    pub prefix: String,
    /// `jwks`: a file with its keys.
    pub jwks: Option<PathBuf>,
    /// `jwksurl`: where its keys are, if not where discovery says.
    pub jwks_url: Option<String>,
    /// `refresh`: how old the keys may become.
    pub refresh: Duration,
    /// `cas`: PEM files of authorities for its certificate, besides those of the system.
    pub authorities: Vec<PathBuf>,
    /// `algorithms`; empty for all with public keys.
    pub algorithms: Vec<String>,
}

pub(crate) const KEYS: &[Key] = &[
    url("issuer", "Its URL, exactly as its tokens say it; it has to be there.").ours(),
    text("audience", "For whom its tokens have to be, for one of these; it has to be there.")
        .list()
        .ours(),
    text("subject", "The claim that names the subject.").or("sub").ours(),
    text("groups", "The claim that names groups, one or several.").ours(),
    text("prefix", "Stands before every name and every group.").ours(),
    path("jwks", "A file with a JWK set of its keys.").ours(),
    url("jwksurl", "Where that set is, if not where discovery says.").ours(),
    time("refresh", "How old the set may become.").or("1h").ours(),
    path("cas", "PEM files of authorities for its server, besides those of the system.")
        .list()
        .ours(),
    word("algorithms", ALGORITHMS, "Which ones are taken; all with public keys if none is named.")
        .list()
        .ours(),
];

// === impl Oidc ===

impl Oidc {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let Url(issuer) = needed(section, "issuer")?;
        let audiences: Vec<String> = list(section, "audience", |found| found.scalar())?;
        if audiences.is_empty() {
            // Whoever asked the same issuer for a token of another service would be let in.
            return Err(section.missing("audience"));
        }
        Ok(Self {
            issuer,
            audiences,
            subject: set(section, "subject")?.unwrap_or_else(|| "sub".to_owned()),
            groups: set(section, "groups")?,
            prefix: set(section, "prefix")?.unwrap_or_default(),
            jwks: set(section, "jwks")?,
            jwks_url: set(section, "jwksurl")?.map(|Url(url)| url),
            refresh: section.time("refresh", REFRESH, SHORTEST_REFRESH)?,
            authorities: list(section, "cas", |found| found.scalar())?,
            algorithms: list(section, "algorithms", |found| {
                found.scalar().map(|SigningAlgorithm(name)| name)
            })?,
        })
    }
}
