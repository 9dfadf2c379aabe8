//! `storage.azure`: a container of Azure Blob Storage.

use std::time::Duration;

use super::client::{Client, optional, required, word};
use crate::{
    ConfigError, Secret,
    schema::{Key, flag, number, path, section, text, time, url, word as words},
    section::{Scalar, Section},
};

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {
    /// `accountname`.
    pub account: String,
    /// `container`.
    pub container: String,
    /// `accountkey`, `credentials`.
    pub credentials: Credentials,
    /// `serviceurl`, or what `accountname` and `realm` make of it; without a slash at its end.
    pub service_url: String,
    /// `retry_delay`: how long is waited before the state of a copy is asked for again.
    pub copy_poll_delay: Duration,
    /// What all object stores have.
    pub client: Client,
}

/// How an account is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `shared_key`: with the account's own key, which opens everything.
    SharedKey(Secret),
    /// `client_secret`: as an application.
    ClientSecret {
        /// `clientid`.
        client: String,
        /// `tenantid`.
        tenant: String,
        /// `secret`.
        secret: Secret,
    },
    /// `default_credentials`: what the environment offers.
    Default,
}

pub(crate) const KEYS: &[Key] = &[
    text("accountname", "The account; it has to be there."),
    text("accountkey", "Its key, which opens everything.").secret(),
    text("container", "The container; it has to be there."),
    section(
        "credentials",
        &[
            words(
                "type",
                TYPES,
                "The way; `shared_key` if there is an `accountkey`, else \
                  `default_credentials`.",
            ),
            text("clientid", "The application, for `client_secret`."),
            text("tenantid", "Its directory."),
            text("secret", "Its secret.").secret(),
        ],
    )
    .doc("How the account is opened."),
    text("realm", "The domain of the service.").or("core.windows.net"),
    url("serviceurl", "Where the service is; made of account and realm if not given."),
    time("retry_delay", "How long is waited before the state of a copy is asked for again.")
        .or("100ms"),
    text("rootdirectory", "The folder below which everything is kept."),
    text("useragent", "What is said to be talking, before our own name.").ours(),
    flag("skipverify", "The store's certificate is not checked: anybody may pretend to be it."),
    path("rootcas", "PEM files of authorities for the store, besides those of the system.")
        .list()
        .ours(),
    text("connectionstring", "Account and key in one text.")
        .secret()
        .refused("give accountname and accountkey instead"),
    number("max_retries", "How often the state of a copy is asked for.")
        .ignored("a copy is waited for until it has succeeded or failed"),
    number("copy_status_poll_max_retry", "What `max_retries` was once called.")
        .version_2()
        .ignored("a copy is waited for until it has come to an end"),
    time("copy_status_poll_delay", "What `retry_delay` was once called.")
        .version_2()
        .ignored("retry_delay is what it is called now"),
];

const SHARED_KEY: &str = "shared_key";
const CLIENT_SECRET: &str = "client_secret";
const DEFAULT_CREDENTIALS: &str = "default_credentials";
const TYPES: &[&str] = &[SHARED_KEY, CLIENT_SECRET, DEFAULT_CREDENTIALS];

const POLL_DELAY: Duration = Duration::from_millis(100);

/// Letters, digits, dots and hyphens.
struct Host(String);
struct Url(String);

// === impl Azure ===

impl Azure {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let account = required(section, "accountname")?;
        let realm = section.value_or("realm", Host("core.windows.net".to_owned()))?.0;
        let service_url = optional(section, "serviceurl")?
            .map_or_else(|| format!("https://{account}.blob.{realm}"), |Url(url)| url);
        Ok(Self {
            container: required(section, "container")?,
            credentials: Credentials::read(section)?,
            service_url,
            copy_poll_delay: section.value_or("retry_delay", POLL_DELAY)?,
            client: Client::read(section)?,
            account,
        })
    }
}

// === impl Credentials ===

impl Credentials {
    /// Version 2 of the original knows no `credentials`, and version 3 demands a type: where none is
    /// given, a key that is there speaks for itself.
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let credentials = section.section("credentials")?;
        let key: Option<Secret> = optional(section, "accountkey")?;
        match (word(&credentials, "type", TYPES)?, key) {
            (None | Some(SHARED_KEY), Some(key)) => Ok(Self::SharedKey(key)),
            (Some(SHARED_KEY), None) => Err(section.missing("accountkey")),
            (Some(CLIENT_SECRET), _) => Ok(Self::ClientSecret {
                client: required(&credentials, "clientid")?,
                tenant: required(&credentials, "tenantid")?,
                secret: Secret::new(required(&credentials, "secret")?),
            }),
            _ => Ok(Self::Default),
        }
    }
}

// === impl Scalar ===

impl Scalar for Host {
    const EXPECTED: &'static str = "the name of a domain";

    fn read(text: &str) -> Option<Self> {
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        (!text.is_empty() && text.bytes().all(is_host)).then(|| Self(text.to_owned()))
    }
}

impl Scalar for Url {
    const EXPECTED: &'static str = "a URL of http or https, without a query";

    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_url = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]/".contains(&byte);
        let well_formed = matches!(scheme, "http" | "https")
            && !rest.starts_with('/')
            && !rest.is_empty()
            && rest.bytes().all(is_url);
        well_formed.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}
