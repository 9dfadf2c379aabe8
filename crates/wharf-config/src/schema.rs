//! Every key there is, in one table.
//!
//! The environment overlay, the search for unknown keys and the tests walk it. To add a key is to add
//! its row here, a line to the reader of its section, and one to whatever maps it to an option.

use crate::{middleware, storage};

/// A key and what may stand below it.
#[derive(Debug)]
pub struct Key {
    /// What it is called in a file.
    pub name: &'static str,
    /// What it is called in a variable, where that is not its name in upper case.
    pub variable: Option<&'static str>,
    /// What it holds.
    pub shape: Shape,
    /// What becomes of it.
    pub support: Support,
}

/// What a key holds.
#[derive(Debug)]
pub enum Shape {
    /// One text, number, flag or duration.
    Value,
    /// These keys.
    Section(&'static [Key]),
    /// One of these keys, or just its name; some of them may be settings for whichever it is. What
    /// is not among them is an error: nobody chooses something in order to go without it.
    Choice(&'static [Key]),
    /// Keys that the operator makes up, with values of one shape.
    Map(&'static Shape),
    /// Items of one shape.
    List(&'static Shape),
    /// Anything: only its owner knows.
    Free,
}

/// What becomes of a key that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is read.
    Read,
    /// It has no effect, which is no harm; the operator is told this.
    Ignored(&'static str),
    /// It has no effect, which the operator could not want: an error that says this, if the key is
    /// set to anything.
    Refused(&'static str),
}

/// The keys of the whole file.
pub static SCHEMA: &[Key] = &[
    value("version"),
    section("log", LOG),
    value("loglevel"),
    choice("storage", STORAGE),
    choice("auth", AUTH),
    section("middleware", MIDDLEWARE),
    section("catalog", &[value("maxentries")]),
    section("tags", &[value("maxtags")]),
    section("http", HTTP),
    free("notifications").refused("notifications are not supported yet"),
    free("redis").ignored("redis is not supported yet"),
    section("health", HEALTH),
    free("proxy").refused("a pull-through cache is not supported yet"),
    section("validation", VALIDATION),
    free("policy").ignored("classes of repositories are not supported yet"),
];

const LOG: &[Key] = &[
    section("accesslog", &[value("disabled")]),
    value("level"),
    value("formatter"),
    key("fields", Shape::Map(&Shape::Value)),
    value("reportcaller"),
    free("hooks").ignored("hooks of the log are not supported yet"),
];

const STORAGE: &[Key] = &[
    section("filesystem", &[value("rootdirectory"), value("maxthreads")]),
    section("inmemory", &[]),
    section("s3", storage::s3::KEYS),
    section("s3aws", storage::s3::KEYS),
    section("azure", storage::azure::KEYS),
    section("gcs", storage::gcs::KEYS),
    section("tag", &[value("concurrencylimit")]).ignored("how many tags are read at once is fixed"),
    section("delete", &[value("enabled")]),
    section("redirect", &[value("disable")]),
    section(
        "cache",
        &[
            value("blobdescriptor"),
            value("layerinfo"),
            value("blobdescriptorsize"),
            value("manifestmemory"),
        ],
    ),
    section(
        "maintenance",
        &[
            section(
                "uploadpurging",
                &[value("enabled"), value("age"), value("interval"), value("dryrun")],
            ),
            section("readonly", &[value("enabled")]),
        ],
    ),
];

const AUTH: &[Key] = &[
    free("none").ignored("there is no access control to configure"),
    section("silly", &[value("realm"), value("service")]),
    section("htpasswd", &[value("realm"), value("path")]),
    section(
        "token",
        &[
            value("realm"),
            value("issuer"),
            value("service"),
            value("rootcertbundle"),
            value("jwks"),
            value("jwksurl"),
            value("jwksrefresh"),
            key("jwkscas", Shape::List(&Shape::Value)),
            value("autoredirect"),
            value("autoredirectpath"),
            key("signingalgorithms", Shape::List(&Shape::Value)),
        ],
    ),
    value("rules"),
    value("deniedstatus"),
    value("audit"),
];

const NO_MIDDLEWARE: &str = "middleware is not supported yet";

const MIDDLEWARE: &[Key] = &[
    free("registry").refused(NO_MIDDLEWARE),
    free("repository").refused(NO_MIDDLEWARE),
    key("storage", middleware::STORAGE),
];

const HTTP: &[Key] = &[
    value("addr"),
    value("net"),
    key("trustedproxies", Shape::List(&Shape::Value)),
    value("host"),
    value("prefix"),
    value("secret"),
    value("relativeurls"),
    value("draintimeout"),
    section("tls", TLS),
    key("headers", Shape::Map(&Shape::List(&Shape::Value))),
    section("debug", &[value("addr"), section("prometheus", &[value("enabled"), value("path")])]),
    section("http2", &[value("disabled")]),
    section("h2c", &[value("enabled")]),
    section(
        "limits",
        &[
            value("headertimeout"),
            value("idletimeout"),
            value("stalltimeout"),
            value("headersize"),
            value("manifestsize"),
            value("readmemory"),
            value("connections"),
        ],
    ),
];

const NO_ACME: &str = "certificates from Let's Encrypt are not supported yet: have another program \
                       renew them, and name its files in http.tls.certificate and http.tls.key";

const TLS: &[Key] = &[
    value("certificate"),
    value("key"),
    key("clientcas", Shape::List(&Shape::Value)),
    value("clientauth"),
    value("minimumtls"),
    key("ciphersuites", Shape::List(&Shape::Value)),
    section(
        "letsencrypt",
        &[
            value("cachefile"),
            value("email"),
            key("hosts", Shape::List(&Shape::Value)),
            value("directoryurl"),
        ],
    )
    .refused(NO_ACME),
];

const HEALTH: &[Key] = &[
    value("serve"),
    section("storagedriver", &[value("enabled"), value("interval"), value("threshold")]),
    key(
        "file",
        Shape::List(&Shape::Section(&[value("file"), value("interval"), value("threshold")])),
    )
    .variable("FILECHECKERS"),
    key(
        "http",
        Shape::List(&Shape::Section(&[
            value("uri"),
            key("headers", Shape::Map(&Shape::List(&Shape::Value))),
            value("statuscode"),
            value("timeout"),
            value("interval"),
            value("threshold"),
        ])),
    )
    .variable("HTTPCHECKERS"),
    key(
        "tcp",
        Shape::List(&Shape::Section(&[
            value("addr"),
            value("timeout"),
            value("interval"),
            value("threshold"),
        ])),
    )
    .variable("TCPCHECKERS"),
];

const PATTERNS: Shape = Shape::List(&Shape::Value);

const VALIDATION: &[Key] = &[
    value("enabled"),
    value("disabled"),
    section(
        "manifests",
        &[
            value("sparse"),
            section("urls", &[key("allow", PATTERNS), key("deny", PATTERNS)]),
            section(
                "indexes",
                &[
                    value("platforms"),
                    key(
                        "platformlist",
                        Shape::List(&Shape::Section(&[value("architecture"), value("os")])),
                    ),
                ],
            ),
        ],
    ),
];

/// The paths of all keys that are read and hold something of their own, in the order of the table:
/// `http.addr`, `validation.manifests.indexes.platformlist`. A driver without settings counts.
pub fn read_keys() -> Vec<String> {
    let mut paths = Vec::new();
    collect("", SCHEMA, &mut paths);
    paths
}

fn collect(parent: &str, keys: &[Key], paths: &mut Vec<String>) {
    for key in keys.iter().filter(|key| key.support == Support::Read) {
        let path = join(parent, key.name);
        match &key.shape {
            Shape::Section(keys) | Shape::Choice(keys) if !keys.is_empty() => {
                collect(&path, keys, paths);
            }
            _ => paths.push(path),
        }
    }
}

/// The path of a key.
pub(crate) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

// === impl Key ===

impl Key {
    /// How many of these parts of a variable's name mean this key, if they do: as many as its name has
    /// underscores, and one.
    pub(crate) fn variable_parts(&self, parts: &[&str]) -> Option<usize> {
        let name = self.variable_name();
        let length = match parts.first() {
            // Two underscores have made one part of it.
            Some(part) if part.contains('_') => 1,
            _ => name.split('_').count(),
        };
        (parts.get(..length)?.join("_") == name).then_some(length)
    }

    /// What it is called in a variable.
    pub(crate) fn variable_name(&self) -> String {
        self.variable.map_or_else(|| self.name.to_ascii_uppercase(), str::to_owned)
    }

    const fn variable(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }

    pub(crate) const fn ignored(mut self, why: &'static str) -> Self {
        self.support = Support::Ignored(why);
        self
    }

    pub(crate) const fn refused(mut self, why: &'static str) -> Self {
        self.support = Support::Refused(why);
        self
    }
}

pub(crate) const fn key(name: &'static str, shape: Shape) -> Key {
    Key { name, variable: None, shape, support: Support::Read }
}

pub(crate) const fn value(name: &'static str) -> Key {
    key(name, Shape::Value)
}

const fn free(name: &'static str) -> Key {
    key(name, Shape::Free)
}

pub(crate) const fn section(name: &'static str, keys: &'static [Key]) -> Key {
    key(name, Shape::Section(keys))
}

const fn choice(name: &'static str, keys: &'static [Key]) -> Key {
    key(name, Shape::Choice(keys))
}
