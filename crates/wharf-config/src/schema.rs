//! Every key there is, in one table.
//!
//! The environment overlay, the search for unknown keys, `wharf config print`, the documents
//! (docs/configuration.md, docs/config.schema.json) and the tests walk it. To add a key is to add its row
//! here, a line to the reader of its section, and one to whatever maps it to an option.

mod key;
mod old;

use crate::{issuer, letsencrypt, middleware, notifications, oidc, redis, storage};

pub(crate) use self::key::*;
pub use self::key::{Key, Kind, Origin, Shape, Support};

/// The keys of the whole file.
pub static SCHEMA: &[Key] = &[
    word("version", &["0.1"], "The version of this schema; it has to be there."),
    section("log", LOG).doc("What is logged, and how."),
    word("loglevel", LEVELS, "What `log.level` was once called.").version_2(),
    choice("storage", STORAGE)
        .doc("Where content is kept, by exactly one driver, and what may be done to it."),
    choice("auth", AUTH)
        .optional()
        .doc("Who may do what; everybody everything if it is not given."),
    section("middleware", MIDDLEWARE).doc("What stands between the registry and its storage."),
    section("catalog", CATALOG).doc("The list of repositories."),
    section("tags", TAGS).doc("The list of tags."),
    section("http", HTTP).doc("Where and how it is served."),
    section("notifications", notifications::KEYS).doc("Who is told of what happens."),
    section("redis", redis::KEYS).doc("A cache that several servers share."),
    section("health", HEALTH).doc("What has to be well for anything to be served."),
    section("proxy", PROXY)
        .refused("a pull-through cache is not supported yet")
        .doc("Another registry, of which this one is a cache."),
    section("validation", VALIDATION).doc("Which manifests are taken."),
    section("security", SECURITY).ours().doc("What the process forbids itself."),
    section("policy", POLICY)
        .ignored("classes of repositories are not supported yet")
        .doc("Which kinds of content are taken."),
    section("compatibility", old::COMPATIBILITY)
        .version_2()
        .doc("What served clients older than Docker 1.10."),
    section("reporting", old::REPORTING)
        .version_2()
        .ignored("errors are logged, and sent to nobody")
        .doc("Services that errors were sent to."),
];

const LEVELS: &[&str] = &["error", "warn", "info", "debug"];
const FORMATTERS: &[&str] = &["text", "json", "logstash"];
const ACCESS_FORMATS: &[&str] = &["combined", "json"];

const LOG: &[Key] = &[
    section(
        "accesslog",
        &[
            flag("disabled", "No line is written for a request."),
            word("format", ACCESS_FORMATS, "What such a line looks like.").or("combined").ours(),
        ],
    )
    .doc("A line for every request, on stdout."),
    word("level", LEVELS, "From which weight on something is logged.").or("info"),
    word("formatter", FORMATTERS, "What a line looks like.").or("text"),
    text("fields", "Fields of your own that stand in every line.").map(),
    flag("reportcaller", "Every line names its place in the source."),
    sections("hooks", &Shape::Section(old::HOOK))
        .ignored("hooks of the log are not supported yet")
        .doc("Mails about what is logged."),
];

const STORAGE: &[Key] = &[
    section(
        "filesystem",
        &[
            path("rootdirectory", "The folder that everything is kept in.").or("/var/lib/registry"),
            number("maxthreads", "How many operations run at once; at least 25.").or("100"),
        ],
    )
    .optional()
    .doc("A driver: a folder."),
    section("inmemory", &[])
        .optional()
        .doc("A driver: the memory of the process, which forgets at its end."),
    section("s3", storage::s3::KEYS)
        .optional()
        .doc("A driver: a bucket of Amazon S3, or of anything that speaks its protocol."),
    section("s3aws", storage::s3::KEYS).optional().doc("Another name of `s3`."),
    section("azure", storage::azure::KEYS)
        .optional()
        .doc("A driver: a container of Azure Blob Storage."),
    section("gcs", storage::gcs::KEYS)
        .optional()
        .doc("A driver: a bucket of Google Cloud Storage."),
    free("swift").version_2().refused(old::NO_SWIFT).doc("A driver: a container of OpenStack."),
    free("oss").version_2().refused(old::NO_OSS).doc("A driver: a bucket of Alibaba Cloud."),
    section("tag", &[number("concurrencylimit", "How many tags are read at once.")])
        .ignored("how many tags are read at once is fixed")
        .doc("How tags are read."),
    section("delete", &[flag("enabled", "Clients may delete.")]).doc("Deletes by clients."),
    section(
        "redirect",
        &[flag("disable", "Clients get content from here, and are never sent on.")],
    )
    .doc("Clients are sent to a store that can answer them itself."),
    section("cache", CACHE).doc("What is remembered of the store."),
    section(
        "maintenance",
        &[
            section("uploadpurging", PURGING).doc("What happens to uploads that nobody finishes."),
            section("readonly", &[flag("enabled", "Nothing is changed; clients get 405.")])
                .doc("A store that is not written to; changes while it runs, by SIGHUP."),
        ],
    )
    .doc("What keeps a store in order."),
];

const CACHES: &[&str] = &["inmemory", "redis"];

const CACHE: &[Key] = &[
    word(
        "blobdescriptor",
        CACHES,
        "Where descriptors of blobs are remembered; nowhere if not given.",
    ),
    word("layerinfo", CACHES, "What `blobdescriptor` was once called.").version_2(),
    number("blobdescriptorsize", "How many are remembered in memory; no bound if 0 or less.")
        .or("10000"),
    bytes("manifestmemory", "What manifests may hold of the memory; 0 for none.")
        .or("33554432")
        .ours(),
];

const PURGING: &[Key] = &[
    flag("enabled", "Whether they are removed at all.").or("true"),
    time("age", "Those that began so long ago are.").or("168h"),
    time("interval", "How often they are looked for.").or("24h"),
    flag("dryrun", "They are only logged."),
];

const STATUSES: &[&str] = &["403", "401"];
const CERTIFICATE_NAMES: &[&str] = &["commonname", "dns", "uri"];
pub(crate) const ALGORITHMS: &[&str] = &[
    "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "HS256", "HS384", "HS512",
];

const AUTH: &[Key] = &[
    free("none")
        .ignored("there is no access control to configure")
        .doc("Everybody may do everything."),
    section(
        "silly",
        &[
            text("realm", "Where tokens are said to be had; it has to be there."),
            text("service", "What they are said to be for; it has to be there."),
        ],
    )
    .optional()
    .doc("Whoever says anything may do everything; for tests."),
    section(
        "htpasswd",
        &[
            text("realm", "What the password is for, in the words of a browser's window.")
                .or("Registry"),
            path("path", "The file of users and hashes; it has to be there."),
        ],
    )
    .optional()
    .doc("Users and passwords of a file."),
    section("token", TOKEN).optional().doc("Tokens of a token server."),
    section("issuer", issuer::KEYS).optional().ours().doc("Tokens for the users of `htpasswd`."),
    sections("oidc", &Shape::Section(oidc::KEYS))
        .ours()
        .doc("Issuers of JWTs whose subjects are taken as they are."),
    word("certificates", CERTIFICATE_NAMES, "What in a client's certificate names its owner.")
        .ours(),
    path("rules", "A file of rules that say who may do what.").ours(),
    word("deniedstatus", STATUSES, "What somebody is told who is known and may not.")
        .or("403")
        .ours(),
    path("audit", "A file to which every decision is appended, as a line of JSON.").ours(),
];

const TOKEN: &[Key] = &[
    url("realm", "Where tokens are to be had; it has to be there, unless `autoredirect` is on."),
    text("issuer", "Who has to have signed them; it has to be there."),
    text("service", "What they have to be for; it has to be there."),
    path("rootcertbundle", "A PEM file of the certificates that vouch for their keys."),
    path("jwks", "A file with a JWK set of their keys."),
    url("jwksurl", "Where that set is published.").ours(),
    time("jwksrefresh", "How old it may become.").or("1h").ours(),
    path("jwkscas", "PEM files of authorities for that server, besides those of the system.")
        .list()
        .ours(),
    flag("autoredirect", "The realm is `autoredirectpath` on the host that the client asks."),
    text("autoredirectpath", "The path of that.").or("/auth/token"),
    word(
        "signingalgorithms",
        ALGORITHMS,
        "Which ones are taken; all with public keys if none is named.",
    )
    .list(),
];

const NO_MIDDLEWARE: &str = "middleware is not supported yet";

const MIDDLEWARE: &[Key] = &[
    free("registry")
        .refused(NO_MIDDLEWARE)
        .doc("Plug-ins around the whole; the original comes with none."),
    free("repository")
        .refused(NO_MIDDLEWARE)
        .doc("Plug-ins around a repository; the original comes with none."),
    key("storage", middleware::STORAGE)
        .doc("Where clients are sent to for blobs, innermost first."),
];

const CATALOG: &[Key] =
    &[number("maxentries", "The most repositories in one page; more is an error.").or("1000")];

const TAGS: &[Key] = &[number(
    "maxtags",
    "The most tags in one page that is asked for with `n`; 1000 if not given or 0.",
)];

const HTTP: &[Key] = &[
    address("addr", "Where it listens: a port, or the path of a socket file if `net` is `unix`.")
        .or("127.0.0.1:5000"),
    word("net", &["tcp", "unix"], "Whether `addr` is a port or a socket file.").or("tcp"),
    text(
        "trustedproxies",
        "Whose `Forwarded` and `X-Forwarded-*` headers count: addresses, \
          networks, or `any`; private networks if not given.",
    )
    .list()
    .ours(),
    url("host", "The URL that clients know it by; taken from the request if not given."),
    text("prefix", "What stands before `/v2/`.").or("/"),
    text("secret", "Signs the state of uploads; kept in the store if not given.").secret(),
    flag("relativeurls", "Locations go without scheme and host."),
    time("draintimeout", "How long requests may go on once the end was asked for.").or("10s"),
    section("tls", TLS).optional().doc("Connections that nobody on their way can read or change."),
    text("headers", "Headers on every answer: each name with a list of values.").headers(),
    section(
        "debug",
        &[
            address("addr", "Where they are; nowhere if not given."),
            section(
                "prometheus",
                &[
                    flag("enabled", "Numbers are counted, and shown."),
                    text("path", "Where they are shown.").or("/metrics"),
                ],
            )
            .doc("Numbers for Prometheus."),
        ],
    )
    .doc("Pages for operators: health and numbers."),
    section("http2", &[flag("disabled", "HTTP/1.1 only.")]).doc("HTTP/2 over TLS."),
    section("h2c", &[flag("enabled", "HTTP/2 without TLS, too.")]).doc("HTTP/2 without TLS."),
    section("limits", LIMITS).ours().doc("How patient it is, and how much it takes at once."),
];

const LIMITS: &[Key] = &[
    time("headertimeout", "A request's headers must arrive within this time.").or("30s").ours(),
    time("idletimeout", "A connection without a request is closed after it.").or("2m").ours(),
    time("stalltimeout", "A body that makes no progress for so long is given up.").or("60s").ours(),
    bytes("headersize", "The longest line and headers of a request; at least 8192.")
        .or("65536")
        .ours(),
    bytes("manifestsize", "The largest manifest that is taken.").or("4194304").ours(),
    bytes("readmemory", "What all readers of files may hold together.").or("67108864").ours(),
    number("connections", "How many connections there may be at a time; idle ones make room for others; 0 for as many as come.")
        .or("10000")
        .ours(),
    number("connectionsperaddress", "How many of one address; 0 for as many as come.").or("2000").ours(),
    number("requests", "How many requests there may be at a time; 0 for as many as come.").or("10000").ours(),
    number("requestsperaddress", "How many of one address; 0 for as many as come.").or("1000").ours(),
    number("requestsperprincipal", "How many of one user; 0 for as many as come.").or("5000").ours(),
    bytes("uploadrate", "What a client has to send of a body in a second at least.").or("512").ours(),
    bytes("downloadrate", "What a client has to take of an answer in a second at least.").or("512").ours(),
    number("streams", "How many requests at a time one connection with HTTP/2 may have.").or("128").ours(),
    number("headers", "How many headers a request may have.").or("100").ours(),
    number("uploads", "How many upload sessions a repository may have; 0 for as many as are begun.").or("10000").ours(),
];

const VERSIONS: &[&str] = &["tls1.2", "tls1.3"];
const CLIENT_AUTHS: &[&str] = &["require-and-verify-client-cert", "verify-client-cert-if-given"];

const TLS: &[Key] = &[
    path("certificate", "A PEM file: the certificate and those that vouch for it."),
    path("key", "A PEM file: its private key."),
    path("clientcas", "PEM files of the authorities whose clients are let in.").list(),
    word(
        "clientauth",
        CLIENT_AUTHS,
        "Whether clients need a certificate; they do if there are \
          `clientcas`.",
    ),
    word("minimumtls", VERSIONS, "The oldest version that is spoken.").or("tls1.2"),
    text(
        "ciphersuites",
        "Which ones are offered, by the names of Go; all that are safe if none is \
          named.",
    )
    .list(),
    section("letsencrypt", letsencrypt::KEYS)
        .optional()
        .doc("Certificates that come and are renewed by themselves."),
];

const HEALTH: &[Key] = &[
    flag("serve", "A check that fails shows on `/debug/health` only, and requests are served.")
        .ours(),
    section("storagedriver", &[flag("enabled", "The store has to answer."), INTERVAL, THRESHOLD])
        .doc("Looks whether the store is there."),
    sections(
        "file",
        &Shape::Section(&[path("file", "Which; it has to be there."), INTERVAL, THRESHOLD]),
    )
    .variable("FILECHECKERS")
    .doc("Files that must not exist."),
    sections(
        "http",
        &Shape::Section(&[
            url("uri", "Which; it has to be there."),
            text("headers", "What is sent with the request.").headers().secret(),
            number("statuscode", "What it has to answer.").or("200"),
            TIMEOUT,
            INTERVAL,
            THRESHOLD,
        ]),
    )
    .variable("HTTPCHECKERS")
    .doc("URLs that have to answer `HEAD`."),
    sections(
        "tcp",
        &Shape::Section(&[
            address("addr", "Which; it has to be there."),
            TIMEOUT,
            INTERVAL,
            THRESHOLD,
        ]),
    )
    .variable("TCPCHECKERS")
    .doc("Addresses that have to take connections."),
];

const INTERVAL: Key = time("interval", "How often is looked.").or("10s");
const TIMEOUT: Key = time("timeout", "How long an answer may take.").or("10s");
const THRESHOLD: Key = number("threshold", "How often in a row it may fail.").or("1");

const PROXY: &[Key] = &[
    url("remoteurl", "The other registry."),
    text("username", "Who we are there."),
    text("password", "The proof of it.").secret(),
    section(
        "exec",
        &[
            path("command", "A program that knows user and password."),
            time("lifetime", "How long what it says holds; asked once if not given."),
        ],
    )
    .doc("Credentials from a helper of Docker."),
    time("ttl", "How long content is kept; 0 for ever.").or("168h"),
    time("cachewritetimeout", "How long it may take to keep it.").or("5m"),
];

const SECURITY: &[Key] = &[flag(
    "landlock",
    "The kernel lets the process reach no files but the store and what is named here (Linux 5.19).",
)
.ours()];

const VALIDATION: &[Key] = &[
    flag("enabled", "Overrules `disabled`.").version_2(),
    flag("disabled", "Neither URLs of layers nor children of indexes are looked at."),
    section(
        "manifests",
        &[
            flag("sparse", "Manifests are taken whose blobs are not all there.").ours(),
            section(
                "urls",
                &[
                    pattern("allow", "What URLs of layers must match one of.").list(),
                    pattern("deny", "What URLs of layers must not match.").list(),
                ],
            )
            .doc("Layers that are somewhere else."),
            section(
                "indexes",
                &[
                    word("platforms", &["all", "none", "list"], "Which ones must be there.")
                        .or("all"),
                    sections(
                        "platformlist",
                        &Shape::Section(&[
                            text("architecture", "Such as `amd64`; it has to be there."),
                            text("os", "Such as `linux`; it has to be there."),
                        ]),
                    )
                    .doc("Those, if `platforms` is `list`."),
                ],
            )
            .doc("The children of indexes."),
        ],
    )
    .doc("What is looked at."),
];

const POLICY: &[Key] = &[section(
    "repository",
    &[word("classes", &["image", "plugin"], "Which ones; all if none is named.").list()],
)
.doc("Kinds of content, by the media type of their configuration.")];

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

/// The row of a path, in which the items of a list are numbers; `None` if there is no such key.
pub fn find(path: &str) -> Option<&'static Key> {
    let mut keys = SCHEMA;
    let mut found = None;
    for part in path.split('.').filter(|part| part.parse::<usize>().is_err()) {
        let key = keys.iter().find(|key| key.name == part)?;
        (keys, found) = (key.keys(), Some(key));
    }
    found
}

/// The path of a key in a section, of which the whole has none.
pub fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}
