//! `notifications` → who is told of what happens, and how.

use std::{collections::HashMap, env, net::SocketAddr, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use uuid::Uuid;
use wharf_config::{
    Configuration, Driver, Endpoint as Configured, EventAction, EventQueue, EventSchema, Header,
    Notifications,
};
use wharf_metrics::Deliveries;
use wharf_notifications::{
    Action, Bounds, Endpoint, Endpoints, Notifier, Options, Schema, Sender, Source, WhenFull,
};
use wharf_outbound::{Client, Reach};

use crate::Error;

pub(crate) const KEYS: &[&str] = &[
    "notifications.events.includereferences",
    "notifications.endpoints",
    "notifications.queue.directory",
    "notifications.queue.size",
    "notifications.queue.whenfull",
];

/// Sends by HTTP.
struct Posted(Client);

/// A notifier that tells nobody yet, of a server at this address.
pub(crate) fn notifier(configuration: &Configuration, address: SocketAddr) -> Notifier {
    let Notifications { include_references, endpoints: _, queue } = &configuration.notifications;
    let EventQueue { directory, size, refuse } = queue;
    Notifier::new(Options {
        folders: match directory {
            Some(directory) => vec![directory.clone()],
            None => folders(&configuration.storage.driver),
        },
        bounds: Bounds {
            size: size.get(),
            when_full: if *refuse { WhenFull::Refuse } else { WhenFull::DropOldest },
        },
        include_references: *include_references,
        source: Source {
            addr: format!("{}:{}", host_name(address), address.port()),
            instance_id: Uuid::new_v4().to_string(),
        },
    })
}

/// Tells those who are configured from now on.
pub(crate) async fn configure(
    notifier: &Notifier,
    notifications: &Notifications,
) -> Result<(), Error> {
    let endpoints = endpoints(&notifications.endpoints)?;
    let configured = notifier.configure(endpoints, notifications.include_references).await;
    configured.map_err(|error| Error::Notifications {
        key: "queue.directory".to_owned(),
        problem: format!("events cannot be kept: {error}"),
    })
}

/// What is counted of each endpoint.
pub(crate) fn deliveries(notifier: &Notifier) -> Vec<Deliveries> {
    let words = |status: u16| {
        let reason = StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
        format!("{status} {}", reason.unwrap_or_default()).trim_end().to_owned()
    };
    let deliveries = notifier.numbers().into_iter().map(|it| Deliveries {
        endpoint: it.name,
        events: it.events,
        successes: it.successes,
        failures: it.failures,
        errors: it.errors,
        dropped: it.dropped,
        pending: it.pending,
        statuses: it.statuses.into_iter().map(|(status, count)| (words(status), count)).collect(),
    });
    deliveries.collect()
}

/// Where events are kept: beside what is stored, where that is a folder, but out of its sight; or
/// else where a service keeps its state. The last resort survives the process, not the machine.
fn folders(driver: &Driver) -> Vec<PathBuf> {
    const STATE: &str = "/var/lib/registry";
    let below = |folder: PathBuf| folder.join(".wharf/events");
    let temporary = env::temp_dir().join("wharf-events");
    match driver {
        Driver::Filesystem { root, .. } => vec![below(root.clone()), temporary],
        // It forgets everything at its end, and so may its events.
        Driver::InMemory => vec![temporary],
        _ => {
            let state = env::var_os("STATE_DIRECTORY").map(PathBuf::from);
            let state = state.filter(|path| path.is_absolute());
            let places = [state.map(|path| path.join("events")), Some(below(STATE.into()))];
            places.into_iter().flatten().chain([temporary]).collect()
        }
    }
}

/// What the system calls itself, as the original tells it.
fn host_name(address: SocketAddr) -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| address.ip().to_string())
}

/// Two that have the same name are told apart by their order.
fn endpoints(all: &[Configured]) -> Result<Endpoints, Error> {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let endpoint = |configured| {
        let (mut endpoint, sender) = endpoint(configured)?;
        let times = seen.entry(&configured.name).or_default();
        *times += 1;
        if *times > 1 {
            endpoint.name = format!("{}#{times}", endpoint.name);
        }
        Ok((endpoint, sender))
    };
    all.iter().map(endpoint).collect()
}

fn endpoint(configured: &Configured) -> Result<(Endpoint, Arc<dyn Sender>), Error> {
    // Every field is named, so that a new one is not forgotten here.
    let Configured {
        name,
        url,
        headers,
        timeout,
        threshold,
        backoff,
        ignored_media_types,
        ignored_actions,
        schema,
        secret,
        root_cas,
    } = configured;
    let wrong = |problem: &dyn std::fmt::Display| Error::Notifications {
        key: format!("endpoints: {name:?}"),
        problem: problem.to_string(),
    };
    let url: Uri = url.parse().map_err(|error| wrong(&error))?;
    let client = Client::new(wharf_outbound::Options {
        // The operator has named it.
        reach: Reach::public().and_server(&url),
        connect_timeout: *timeout,
        timeout: *timeout,
        authorities: root_cas.clone(),
        ..wharf_outbound::Options::default()
    });
    let sender = Arc::new(Posted(client.map_err(|error| wrong(&error))?));
    let endpoint = Endpoint {
        headers: header_map(headers).map_err(|error| wrong(&error))?,
        threshold: *threshold,
        backoff: *backoff,
        ignored_media_types: ignored_media_types.clone(),
        ignored_actions: ignored_actions.iter().map(action).collect(),
        schema: match schema {
            EventSchema::V1 => Schema::V1,
            EventSchema::V2 => Schema::V2,
        },
        secret: secret.as_ref().map(|secret| secret.reveal().as_bytes().to_vec()),
        ..Endpoint::new(name, url)
    };
    Ok((endpoint, sender))
}

fn header_map(headers: &[Header]) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::new();
    for Header { name, value } in headers {
        map.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    Ok(map)
}

fn action(action: &EventAction) -> Action {
    match action {
        EventAction::Pull => Action::Pull,
        EventAction::Push => Action::Push,
        EventAction::Mount => Action::Mount,
        EventAction::Delete => Action::Delete,
    }
}

// === impl Posted ===

#[async_trait]
impl Sender for Posted {
    async fn send(&self, request: Request<Bytes>) -> Result<u16, String> {
        let answer = self.0.send(request).await.map_err(|error| error.to_string())?;
        Ok(answer.status().as_u16())
    }
}
