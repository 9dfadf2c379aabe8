//! `notifications`: who is told of what happens.

use std::{fmt, num::NonZeroU64, path::PathBuf, time::Duration};

use crate::{
    ConfigError, Header, Secret,
    http::headers,
    schema::{
        Key, Shape, bytes, flag, number, path, section, sections, text, time as duration, url, word,
    },
    section::{Found, Scalar, Section},
};

/// Who is told of what happens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notifications {
    /// `events.includereferences`: events about manifests say what these refer to.
    pub include_references: bool,
    /// `endpoints`, without those that are disabled.
    pub endpoints: Vec<Endpoint>,
    /// `queue`: where events wait until they are delivered.
    pub queue: EventQueue,
}

/// A URL that events are posted to.
#[derive(Clone, PartialEq)]
pub struct Endpoint {
    /// `name`; it may be empty, and two may have the same one.
    pub name: String,
    /// `url`.
    pub url: String,
    /// `headers`: what is sent along.
    pub headers: Vec<Header>,
    /// `timeout`: how long one try may take.
    pub timeout: Duration,
    /// `threshold`: how many tries may fail in a row before there are pauses.
    pub threshold: u32,
    /// `backoff`: how long such a pause is.
    pub backoff: Duration,
    /// `ignore.mediatypes` and `ignoredmediatypes`: what is not told of.
    pub ignored_media_types: Vec<String>,
    /// `ignore.actions`.
    pub ignored_actions: Vec<EventAction>,
    /// `schema`: how events are written down.
    pub schema: EventSchema,
    /// `secret`: what requests are signed with.
    pub secret: Option<Secret>,
    /// `rootcas`: certificate authorities that are trusted besides those of the system.
    pub root_cas: Vec<PathBuf>,
}

/// Where events wait until they are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQueue {
    /// `directory`; `None` for a place beside what is stored.
    pub directory: Option<PathBuf>,
    /// `size`: the most bytes that wait.
    pub size: NonZeroU64,
    /// `whenfull: refuse`: nothing can be changed as long as it is full. Otherwise the oldest events
    /// are dropped then.
    pub refuse: bool,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventAction {
    /// `pull`
    Pull,
    /// `push`
    Push,
    /// `mount`
    Mount,
    /// `delete`
    Delete,
}

/// How events are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventSchema {
    /// `v1`: as distribution 2 does.
    V1,
    /// `v2`: as distribution 3 does.
    #[default]
    V2,
}

struct Url(String);
struct Refuse(bool);

const ACTIONS: &[&str] = &["pull", "push", "mount", "delete"];

pub(crate) const KEYS: &[Key] = &[
    section(
        "events",
        &[flag("includereferences", "Events about manifests say what these refer to.")],
    )
    .doc("What events say."),
    sections("endpoints", &Shape::Section(ENDPOINT)).doc("Where events are posted."),
    section("queue", QUEUE).ours().doc("Where events wait until they are delivered."),
];

const ENDPOINT: &[Key] = &[
    text("name", "What it is called, and under which its events wait."),
    flag("disabled", "It is not there."),
    url("url", "Where events are posted; it has to be there."),
    text("headers", "What is sent along.").headers().secret(),
    duration("timeout", "How long one try may take.").or("1s"),
    number("threshold", "How many tries may fail in a row before there are pauses.").or("10"),
    duration("backoff", "How long such a pause is.").or("1s"),
    text("ignoredmediatypes", "Types of content that it is not told of.").list(),
    section(
        "ignore",
        &[
            text("mediatypes", "Types of content that it is not told of.").list(),
            word("actions", ACTIONS, "What it is not told of.").list(),
        ],
    )
    .doc("What it is not told of."),
    word("schema", &["v2", "v1"], "As which distribution events are written down.").or("v2").ours(),
    text("secret", "What each request is signed with, by HMAC-SHA-256.").secret().ours(),
    path("rootcas", "Authorities that are trusted besides those of the system.").list().ours(),
];

const QUEUE: &[Key] = &[
    path("directory", "Where they are kept; beside what is stored without it.").ours(),
    bytes("size", "The most of them; at least 1048576.").or("268435456").ours(),
    word("whenfull", &["drop", "refuse"], "Drop the oldest, or refuse changes.").or("drop").ours(),
];

const TIMEOUT: Duration = Duration::from_secs(1);
const BACKOFF: Duration = Duration::from_secs(1);
const THRESHOLD: u32 = 10;

/// A bare number is nanoseconds: a `10` without its `s` would never do.
const SHORTEST: Duration = Duration::from_millis(1);

/// 256 MiB.
const SIZE: NonZeroU64 = NonZeroU64::MIN.saturating_add((256 << 20) - 1);

/// Less would not take one large manifest with its references.
const LEAST: NonZeroU64 = NonZeroU64::MIN.saturating_add((1 << 20) - 1);

// === impl Notifications ===

impl Notifications {
    pub(crate) fn read(notifications: &Section<'_>) -> Result<Self, ConfigError> {
        let items = notifications.items("endpoints")?;
        let endpoints = items.iter().map(Endpoint::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            include_references: notifications.section("events")?.flag("includereferences")?,
            endpoints: endpoints.into_iter().flatten().collect(),
            queue: EventQueue::read(&notifications.section("queue")?)?,
        })
    }
}

// === impl Endpoint ===

impl Endpoint {
    fn read(item: &Found<'_>) -> Result<Option<Self>, ConfigError> {
        let endpoint = item.section()?;
        if endpoint.flag("disabled")? {
            return Ok(None);
        }
        let ignore = endpoint.section("ignore")?;
        let mut ignored_media_types = scalars(&ignore, "mediatypes")?;
        ignored_media_types.extend(scalars::<String>(&endpoint, "ignoredmediatypes")?);
        let threshold = endpoint.value::<i64>("threshold")?.filter(|threshold| *threshold > 0);
        let threshold = threshold.map(|threshold| u32::try_from(threshold).unwrap_or(u32::MAX));
        Ok(Some(Self {
            name: endpoint.value_or("name", String::new())?,
            headers: headers(&endpoint)?,
            timeout: time(&endpoint, "timeout", TIMEOUT)?,
            threshold: threshold.unwrap_or(THRESHOLD),
            backoff: time(&endpoint, "backoff", BACKOFF)?,
            ignored_media_types,
            ignored_actions: scalars(&ignore, "actions")?,
            schema: endpoint.value_or("schema", EventSchema::default())?,
            secret: endpoint.value("secret")?.filter(|it: &Secret| !it.reveal().is_empty()),
            root_cas: scalars(&endpoint, "rootcas")?,
            // Last: where it is wrong there is no endpoint, and no more is found out about it.
            url: target(&endpoint)?,
        }))
    }
}

fn target(endpoint: &Section<'_>) -> Result<String, ConfigError> {
    let url = endpoint.find("url").filter(Found::is_set);
    let Url(url) = url.ok_or_else(|| endpoint.missing("url"))?.scalar()?;
    Ok(url)
}

/// A time, of which none at all is the usual one, as in the original.
fn time(section: &Section<'_>, key: &str, usual: Duration) -> Result<Duration, ConfigError> {
    match section.value::<Duration>(key)? {
        None | Some(Duration::ZERO) => Ok(usual),
        Some(_) => section.time(key, usual, SHORTEST),
    }
}

fn scalars<T: Scalar>(section: &Section<'_>, key: &str) -> Result<Vec<T>, ConfigError> {
    section.items(key)?.iter().map(Found::scalar).collect()
}

/// The URL may hold a password.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).finish_non_exhaustive()
    }
}

// === impl EventQueue ===

impl EventQueue {
    fn read(queue: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            directory: queue.value("directory")?,
            size: queue.value_or("size", SIZE)?.max(LEAST),
            refuse: queue.value_or("whenfull", Refuse(false))?.0,
        })
    }
}

impl Default for EventQueue {
    fn default() -> Self {
        Self { directory: None, size: SIZE, refuse: false }
    }
}

// === impl Scalar ===

impl Scalar for Url {
    const EXPECTED: &'static str = "a URL that begins with http:// or https://";

    fn read(text: &str) -> Option<Self> {
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
        let is_url = !host.is_empty()
            && !host.starts_with('/')
            && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
        is_url.then(|| Self(text.to_owned()))
    }
}

impl Scalar for Refuse {
    const EXPECTED: &'static str = "drop or refuse";

    fn read(text: &str) -> Option<Self> {
        match text {
            "drop" => Some(Self(false)),
            "refuse" => Some(Self(true)),
            _ => None,
        }
    }
}

impl Scalar for EventAction {
    const EXPECTED: &'static str = "pull, push, mount or delete";

    fn read(text: &str) -> Option<Self> {
        match text {
            "pull" => Some(Self::Pull),
            "push" => Some(Self::Push),
            "mount" => Some(Self::Mount),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

impl Scalar for EventSchema {
    const EXPECTED: &'static str = "v1 or v2";

    fn read(text: &str) -> Option<Self> {
        match text {
            "v1" => Some(Self::V1),
            "v2" => Some(Self::V2),
            _ => None,
        }
    }
}
