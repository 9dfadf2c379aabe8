//! A receiver of events, and what every test needs.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Uri};
use serde_json::Value;
use wharf_notifications::{Bounds, Endpoint, Notifier, Options, Sender, Source, WhenFull};

/// Remembers what it is sent.
#[derive(Default)]
pub(crate) struct Receiver {
    events: Mutex<Vec<Value>>,
    /// How many requests it still refuses.
    pub(crate) refusals: AtomicU64,
    pub(crate) requests: AtomicU64,
}

impl Receiver {
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// The actions and what they were done to.
    pub(crate) fn told(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line = |event: &Value| {
            let target = &event["target"];
            let what = if target["digest"] == "" { "" } else { "digest " };
            let line = format!("{} {what}{}", text(&event["action"]), text(&target["tag"]));
            line.trim().to_owned()
        };
        self.events().iter().map(line).collect()
    }
}

#[async_trait]
impl Sender for Receiver {
    async fn send(&self, request: Request<Bytes>) -> Result<u16, String> {
        self.requests.fetch_add(1, SeqCst);
        let refuse = |left: u64| left.checked_sub(1);
        if let Ok(left) = self.refusals.fetch_update(SeqCst, SeqCst, refuse) {
            return if left % 2 == 0 { Ok(500) } else { Err("connection refused".into()) };
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let events = body["events"].as_array().unwrap();
        assert_eq!(events.len(), 1);
        self.events.lock().unwrap().push(events[0].clone());
        Ok(200)
    }
}

pub(crate) const BOUNDS: Bounds = Bounds { size: 1 << 20, when_full: WhenFull::DropOldest };

pub(crate) fn options(folder: &Path) -> Options {
    Options {
        folders: vec![folder.to_owned()],
        bounds: BOUNDS,
        include_references: false,
        source: Source { addr: "node:5000".into(), instance_id: "instance".into() },
    }
}

pub(crate) fn endpoint(name: &str) -> Endpoint {
    let backoff = Duration::from_millis(1);
    Endpoint { backoff, ..Endpoint::new(name, Uri::from_static("http://hook.example/")) }
}

/// A notifier with one endpoint.
pub(crate) async fn notifier(folder: &Path) -> (Notifier, Arc<Receiver>) {
    let (notifier, receiver) = (Notifier::new(options(folder)), Arc::new(Receiver::default()));
    let endpoints = vec![(endpoint("hook"), Arc::clone(&receiver) as _)];
    notifier.configure(endpoints, false).await.unwrap();
    (notifier, receiver)
}

/// Waits until something is so.
pub(crate) async fn until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it takes too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
