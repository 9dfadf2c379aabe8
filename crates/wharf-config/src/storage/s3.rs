//! `storage.s3`, also called `s3aws`: a bucket of Amazon S3, or of anything that speaks its protocol.

use super::client::{Client, Size, optional, required, word};
use crate::{
    ConfigError, Secret,
    schema::{Key, bytes, flag, number, path, text, url, word as words},
    section::{Scalar, Section},
};

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// `bucket`.
    pub bucket: String,
    /// `region`.
    pub region: Option<String>,
    /// `regionendpoint`: where the service is, if it is not Amazon's; always with its scheme.
    pub endpoint: Option<String>,
    /// `redirectendpoint`: the scheme and host that clients are sent to, if it is another one.
    pub redirect_endpoint: Option<String>,
    /// `forcepathstyle`: the bucket stands in the path; where nothing is said, it does so if there is
    /// an `endpoint`.
    pub path_style: bool,
    /// `accesskey`, `secretkey`, `sessiontoken`; without them they come from the environment.
    pub keys: Option<Keys>,
    /// `accelerate`, `usedualstack`, `usefipsendpoint`: which of Amazon's endpoints.
    pub accelerate: bool,
    /// See [`S3::accelerate`].
    pub dual_stack: bool,
    /// See [`S3::accelerate`].
    pub fips: bool,
    /// `encrypt`, `keyid`.
    pub encryption: Encryption,
    /// `storageclass`, unless it is the standard one.
    pub storage_class: Option<&'static str>,
    /// `objectacl`, unless it is `private`.
    pub acl: Option<&'static str>,
    /// `multipartcopychunksize`: what a copy on the server is cut into, in bytes.
    pub copy_part_size: Option<u64>,
    /// `multipartcopymaxconcurrency`: how many parts are copied at a time.
    pub copy_concurrency: Option<u32>,
    /// `multipartcopythresholdsize`: what is larger is copied in parts, in bytes.
    pub copy_threshold: Option<u64>,
    /// What all object stores have.
    pub client: Client,
}

/// The long-lived credentials of a user, or the temporary ones of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Who.
    pub access: String,
    /// The proof.
    pub secret: Secret,
    /// For temporary credentials.
    pub session_token: Option<Secret>,
}

/// What the store is asked to do before it writes to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// What the bucket does by itself.
    Default,
    /// With a key of the store's.
    Store,
    /// With this key of its key management.
    Kms(String),
}

pub(crate) const KEYS: &[Key] = &[
    text("bucket", "Its name; it has to be there."),
    text("region", "The region that it is in; from the environment if not given."),
    url("regionendpoint", "Where the service is, if it is not Amazon's."),
    url("redirectendpoint", "Where clients are sent to, if not to where the service is."),
    flag("forcepathstyle", "The bucket stands in the path; on if there is a `regionendpoint`.")
        .unsaid(),
    text("accesskey", "Who we are; from the environment if not given."),
    text("secretkey", "The proof of it.").secret(),
    text("sessiontoken", "What temporary credentials need besides.").secret(),
    flag("accelerate", "Amazon's endpoint for transfers over long ways."),
    flag("usedualstack", "Amazon's endpoint that has IPv6, too."),
    flag("usefipsendpoint", "Amazon's endpoint with the cryptography of FIPS 140."),
    flag("encrypt", "Objects are encrypted by the store."),
    text("keyid", "The key of its key management that does it; one of the store's if not given."),
    words("storageclass", STORAGE_CLASSES, "The class of objects.").or("STANDARD"),
    words("objectacl", ACLS, "Who may read objects besides us.").or("private"),
    flag("secure", "An endpoint without a scheme is spoken to over TLS.").or("true"),
    bytes("multipartcopychunksize", "What a copy on the server is cut into; 0 for our choice.")
        .or("0"),
    number("multipartcopymaxconcurrency", "How many parts are copied at a time; 0 for our choice.")
        .or("0"),
    bytes("multipartcopythresholdsize", "What is larger is copied in parts; 0 for our choice.")
        .or("0"),
    text("rootdirectory", "The folder below which everything is kept."),
    text("useragent", "What is said to be talking, before our own name."),
    flag("skipverify", "The store's certificate is not checked: anybody may pretend to be it."),
    path("rootcas", "PEM files of authorities for the store, besides those of the system.")
        .list()
        .ours(),
    bytes("chunksize", "The size of parts.")
        .ignored("parts grow with what is uploaded, so that 10,000 are enough"),
    flag("v4auth", "Requests are signed with version 4.")
        .unsaid()
        .ignored("requests are always signed with version 4"),
    flag("multipartcombinesmallparts", "Small chunks are joined.")
        .unsaid()
        .ignored("small chunks are always joined to whole parts"),
    text("loglevel", "What is logged of requests.")
        .ignored("log.level decides whether requests to the store are logged"),
    flag("logs3operationnames", "Requests are logged.")
        .ignored("log.level decides whether requests are logged"),
    flag("logs3operationresponseheaders", "Answers are logged.")
        .ignored("log.level decides what is logged"),
];

const STANDARD: &[&str] = &["STANDARD", "NONE"];
const STORAGE_CLASSES: &[&str] = &[
    "STANDARD",
    "NONE",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "OUTPOSTS",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];

const PRIVATE: &str = "private";
const ACLS: &[&str] = &[
    PRIVATE,
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

/// What S3 takes for a part.
const PART: Size = Size { least: 5 << 20, most: 5 << 30 };
const THRESHOLD: Size = Size { least: 1, most: 5 << 30 };

/// A host with or without a scheme, and at most a slash after it.
struct Endpoint(String);

// === impl S3 ===

impl S3 {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let bucket = required(section, "bucket")?;
        let endpoint = with_scheme(section, "regionendpoint")?;
        let style: Option<bool> = optional(section, "forcepathstyle")?;
        let class = word(section, "storageclass", STORAGE_CLASSES)?;
        Ok(Self {
            bucket,
            region: optional(section, "region")?,
            path_style: style.unwrap_or(endpoint.is_some()),
            endpoint,
            redirect_endpoint: with_scheme(section, "redirectendpoint")?,
            keys: Keys::read(section)?,
            accelerate: section.flag("accelerate")?,
            dual_stack: section.flag("usedualstack")?,
            fips: section.flag("usefipsendpoint")?,
            encryption: Encryption::read(section)?,
            storage_class: class.filter(|class| !STANDARD.contains(class)),
            acl: word(section, "objectacl", ACLS)?.filter(|acl| *acl != PRIVATE),
            copy_part_size: PART.read(section, "multipartcopychunksize")?,
            copy_concurrency: positive(section, "multipartcopymaxconcurrency")?,
            copy_threshold: THRESHOLD.read(section, "multipartcopythresholdsize")?,
            client: Client::read(section)?,
        })
    }
}

/// With the scheme that `secure` says, unless it has one.
fn with_scheme(section: &Section<'_>, key: &str) -> Result<Option<String>, ConfigError> {
    let secure = section.value_or("secure", true)?;
    let endpoint = optional::<Endpoint>(section, key)?;
    Ok(endpoint.map(|Endpoint(text)| match (text.contains("://"), secure) {
        (true, _) => text,
        (false, true) => format!("https://{text}"),
        (false, false) => format!("http://{text}"),
    }))
}

fn positive(section: &Section<'_>, key: &str) -> Result<Option<u32>, ConfigError> {
    Ok(section.value(key)?.filter(|number| *number > 0))
}

// === impl Keys ===

impl Keys {
    fn read(section: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        let access: Option<String> = optional(section, "accesskey")?;
        let secret: Option<Secret> = optional(section, "secretkey")?;
        let session_token = optional(section, "sessiontoken")?;
        match (access, secret) {
            (Some(access), Some(secret)) => Ok(Some(Self { access, secret, session_token })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(section.error("accesskey is given, but no secretkey")),
            (None, Some(_)) => Err(section.error("secretkey is given, but no accesskey")),
        }
    }
}

// === impl Encryption ===

impl Encryption {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        match (section.flag("encrypt")?, optional(section, "keyid")?) {
            (false, None) => Ok(Self::Default),
            (true, None) => Ok(Self::Store),
            (true, Some(key)) => Ok(Self::Kms(key)),
            (false, Some(_)) => Err(section.error("keyid is given, but encrypt is not true")),
        }
    }
}

// === impl Endpoint ===

impl Scalar for Endpoint {
    const EXPECTED: &'static str = "http://HOST:PORT, https://HOST or HOST";

    fn read(text: &str) -> Option<Self> {
        let host = match text.split_once("://") {
            Some(("http" | "https", host)) => host,
            Some(_) => return None,
            None => text,
        };
        let host = host.strip_suffix('/').unwrap_or(host);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        let well_formed = !host.is_empty() && host.bytes().all(is_host);
        well_formed.then(|| Self(text.strip_suffix('/').unwrap_or(text).to_owned()))
    }
}
