//! `auth`: who may do what.

use std::{path::PathBuf, time::Duration};

use crate::{
    ConfigError, Issuer, Oidc,
    section::{Found, Scalar, Section},
    tree::Entry,
};

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// The one key of `auth` that names a controller.
    pub controller: Controller,
    /// `auth.issuer`: `None` if no tokens are given out.
    pub issuer: Option<Issuer>,
    /// `auth.oidc`: whose tokens say who somebody is, besides the controller.
    pub oidc: Vec<Oidc>,
    /// `auth.certificates`: what in a client's certificate says who somebody is, if it does.
    pub certificates: Option<CertificateName>,
    /// `auth.rules`: a file of rules; without it, whoever is known may do whatever the credentials
    /// are good for.
    pub rules: Option<PathBuf>,
    /// `auth.deniedstatus`: whether somebody who is known and may not do something is answered with
    /// 403, or with 401 as by the original.
    pub forbids: bool,
    /// `auth.audit`: a file to which every decision is appended, as a line of JSON.
    pub audit: Option<PathBuf>,
}

/// How callers prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Not at all; for tests.
    Silly {
        /// `realm`: where tokens are said to be had.
        realm: String,
        /// `service`: what they are said to be for.
        service: String,
    },
    /// By a user and a password.
    Htpasswd {
        /// `realm`: what they are for, in the words of a browser's window.
        realm: String,
        /// `path`: the file of users.
        path: PathBuf,
    },
    /// By the token of a token server.
    Token(Box<TokenAuth>),
    /// By what stands beside a controller, of which there is none: `auth.oidc`, `auth.certificates`.
    Others,
}

/// What in a client's certificate names its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// `commonname`.
    CommonName,
    /// `dns`.
    Dns,
    /// `uri`.
    Uri,
}

/// Which tokens are taken, and where they are to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAuth {
    /// `realm`, unless `autoredirect` is on.
    pub realm: Realm,
    /// `issuer`.
    pub issuer: String,
    /// `service`.
    pub service: String,
    /// `rootcertbundle`: a PEM file of certificates.
    pub root_cert_bundle: Option<PathBuf>,
    /// `jwks`: a file with a JWK set.
    pub jwks: Option<PathBuf>,
    /// `jwksurl`: where a JWK set is published.
    pub jwks_url: Option<String>,
    /// `jwksrefresh`: how old that may become.
    pub jwks_refresh: Duration,
    /// `jwkscas`: PEM files of authorities for that server's certificate, besides those of the system.
    pub jwks_cas: Vec<PathBuf>,
    /// `signingalgorithms`; empty for all with public keys.
    pub signing_algorithms: Vec<String>,
}

/// Where tokens are to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realm {
    /// At a URL.
    Url(String),
    /// `autoredirectpath`: below this path of the host that the client asks.
    Here(String),
}

/// One of RFC 7518.
pub(crate) struct SigningAlgorithm(pub(crate) String);

/// The path of a URL.
struct UrlPath(String);

/// A URL of http or https.
pub(crate) struct Url(pub(crate) String);

/// 401 or 403.
struct DeniedStatus(bool);

/// The keys of `auth` that are no controllers.
const SETTINGS: &[&str] = &["issuer", "oidc", "certificates", "rules", "deniedstatus", "audit"];

pub(crate) const REFRESH: Duration = Duration::from_secs(60 * 60);
pub(crate) const SHORTEST_REFRESH: Duration = Duration::from_secs(10);

// === impl Auth ===

impl Auth {
    /// `None` if everybody may do everything.
    pub(crate) fn read(root: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        let auth = root.section("auth")?;
        let is_controller = |entry: &&Entry| !SETTINGS.contains(&entry.key.as_str());
        let controllers: Vec<&Entry> = auth.entries().iter().filter(is_controller).collect();
        let controller = match controllers[..] {
            [] => None,
            [none] if none.key == "none" => None,
            [one] => Some(Controller::read(&one.key, &auth.section(&one.key)?)?),
            [first, second, ..] => {
                let problem = format!("several access controllers: {}, {}", first.key, second.key);
                return Err(ConfigError::new(second.place.clone(), "auth", problem));
            }
        };
        let oidc = oidc(&auth)?;
        let certificates: Option<CertificateName> = set(&auth, "certificates")?;
        let controller = match controller {
            Some(controller) => controller,
            None if !oidc.is_empty() || certificates.is_some() => Controller::Others,
            None => return without(&auth),
        };
        if !oidc.is_empty() && set::<PathBuf>(&auth, "rules")?.is_none() {
            // Anybody on earth may have an account there.
            return Err(
                auth.error("oidc lets nobody in without auth.rules, which say who may what")
            );
        }
        Ok(Some(Self {
            issuer: issuer(&auth, &controller)?,
            controller,
            oidc,
            certificates,
            rules: set(&auth, "rules")?,
            forbids: set(&auth, "deniedstatus")?.is_none_or(|DeniedStatus(forbids)| forbids),
            audit: set(&auth, "audit")?,
        }))
    }
}

/// Tokens are given out to those whose passwords are known.
fn issuer(auth: &Section<'_>, controller: &Controller) -> Result<Option<Issuer>, ConfigError> {
    let section = auth.section("issuer")?;
    match (Issuer::read(&section)?, controller) {
        (Some(issuer), Controller::Htpasswd { .. }) => Ok(Some(issuer)),
        (Some(_), _) => Err(section.error("has no effect without auth.htpasswd")),
        (None, _) => Ok(None),
    }
}

fn oidc(auth: &Section<'_>) -> Result<Vec<Oidc>, ConfigError> {
    list(auth, "oidc", |found| Oidc::read(&found.section()?))
}

/// Settings without a controller would look as if something were guarded.
fn without(auth: &Section<'_>) -> Result<Option<Auth>, ConfigError> {
    match SETTINGS.iter().find_map(|key| auth.find(key).filter(Found::is_set)) {
        Some(found) => Err(found.error("has no effect without htpasswd, token or silly")),
        None => Ok(None),
    }
}

// === impl Controller ===

impl Controller {
    fn read(key: &str, section: &Section<'_>) -> Result<Self, ConfigError> {
        match key {
            "silly" => Ok(Self::Silly {
                realm: needed(section, "realm")?,
                service: needed(section, "service")?,
            }),
            "htpasswd" => Ok(Self::Htpasswd {
                realm: set(section, "realm")?.unwrap_or_else(|| "Registry".to_owned()),
                path: needed(section, "path")?,
            }),
            _ => TokenAuth::read(section).map(|token| Self::Token(Box::new(token))),
        }
    }
}

// === impl TokenAuth ===

impl TokenAuth {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let path = set(section, "autoredirectpath")?.map(|UrlPath(path)| path);
        let url = set(section, "realm")?.map(|Url(url)| url);
        let realm = match (section.flag("autoredirect")?, url) {
            (true, _) => Realm::Here(path.unwrap_or_else(|| "/auth/token".to_owned())),
            (false, Some(url)) => Realm::Url(url),
            (false, None) => return Err(section.missing("realm")),
        };
        let algorithm = |found: Found<'_>| found.scalar().map(|SigningAlgorithm(name)| name);
        let token = Self {
            realm,
            issuer: needed(section, "issuer")?,
            service: needed(section, "service")?,
            root_cert_bundle: set(section, "rootcertbundle")?,
            jwks: set(section, "jwks")?,
            jwks_url: set(section, "jwksurl")?.map(|Url(url)| url),
            jwks_refresh: section.time("jwksrefresh", REFRESH, SHORTEST_REFRESH)?,
            jwks_cas: list(section, "jwkscas", |found| found.scalar())?,
            signing_algorithms: list(section, "signingalgorithms", algorithm)?,
        };
        if token.root_cert_bundle.is_none() && token.jwks.is_none() && token.jwks_url.is_none() {
            return Err(section.error(
                "no key to check tokens with: rootcertbundle, jwks or jwksurl has to name one",
            ));
        }
        Ok(token)
    }
}

pub(crate) fn needed<T: Scalar>(section: &Section<'_>, key: &str) -> Result<T, ConfigError> {
    set(section, key)?.ok_or_else(|| section.missing(key))
}

/// A value, of which the empty one is none.
pub(crate) fn set<T: Scalar>(section: &Section<'_>, key: &str) -> Result<Option<T>, ConfigError> {
    section.find(key).filter(Found::is_set).map(|found| found.scalar()).transpose()
}

pub(crate) fn list<T>(
    section: &Section<'_>,
    key: &str,
    read: impl Fn(Found<'_>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let items = section.find(key).filter(Found::is_set).map(Found::items).transpose()?;
    items.unwrap_or_default().into_iter().map(read).collect()
}

// === impl SigningAlgorithm ===

impl Scalar for SigningAlgorithm {
    const EXPECTED: &'static str = "EdDSA, or RS, PS, ES or HS with 256, 384 or 512";

    fn read(text: &str) -> Option<Self> {
        let sized = ["RS", "PS", "ES", "HS"].iter().find_map(|family| text.strip_prefix(family));
        let known =
            text == "EdDSA" || sized.is_some_and(|size| matches!(size, "256" | "384" | "512"));
        known.then(|| Self(text.to_owned()))
    }
}

// === impl UrlPath ===

impl Scalar for UrlPath {
    const EXPECTED: &'static str = "a path such as /auth/token";

    fn read(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\?#".contains(&byte));
        (text.starts_with('/') && plain).then(|| Self(text.to_owned()))
    }
}

// === impl Url ===

impl Scalar for Url {
    const EXPECTED: &'static str = "a URL such as https://auth.example.com/token";

    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        (plain && !rest.is_empty() && !rest.starts_with('/')).then(|| Self(text.to_owned()))
    }
}

// === impl CertificateName ===

impl Scalar for CertificateName {
    const EXPECTED: &'static str = "commonname, dns or uri";

    fn read(text: &str) -> Option<Self> {
        match text {
            "commonname" => Some(Self::CommonName),
            "dns" => Some(Self::Dns),
            "uri" => Some(Self::Uri),
            _ => None,
        }
    }
}

// === impl DeniedStatus ===

impl Scalar for DeniedStatus {
    const EXPECTED: &'static str = "403, or 401 as by docker/distribution";

    fn read(text: &str) -> Option<Self> {
        match text {
            "403" => Some(Self(true)),
            "401" => Some(Self(false)),
            _ => None,
        }
    }
}
