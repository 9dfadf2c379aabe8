//! Requests, one after the other, of which later ones may go where an earlier answer says.

use std::{collections::HashMap, net::SocketAddr, path::Path};

use wharf_testkit::raw::Client;

use super::answer::Answer;
use crate::Outcome;

/// Requests to servers with one configuration.
pub(super) struct Script {
    pub(super) name: &'static str,
    /// What stands in the configuration below the store, and below `http`.
    storage: &'static str,
    http: &'static str,
    top: &'static str,
    pub(super) steps: Vec<Step>,
}

/// One request.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) method: &'static str,
    pub(super) path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The name under which the `Location` of the answer is kept.
    keep: Option<&'static str>,
    /// What is special about it, if its path does not say so.
    note: String,
}

/// One of the two servers.
pub(super) struct Side {
    client: Client,
    address: SocketAddr,
    kept: HashMap<&'static str, String>,
}

// === impl Script ===

impl Script {
    pub(super) fn new(name: &'static str, steps: Vec<Step>) -> Self {
        Self { name, storage: "", http: "", top: "", steps }
    }

    pub(super) fn storage(self, storage: &'static str) -> Self {
        Self { storage, ..self }
    }

    pub(super) fn http(self, http: &'static str) -> Self {
        Self { http, ..self }
    }

    pub(super) fn top(self, top: &'static str) -> Self {
        Self { top, ..self }
    }

    /// The configuration of a server that keeps everything below `folder`.
    pub(super) fn configuration(&self, folder: &Path) -> String {
        let Self { storage, http, top, .. } = self;
        let root = folder.join("data");
        format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: \
             {{rootdirectory: {}}}\n{storage}http:\n  addr: 127.0.0.1:0\n{http}{top}",
            root.display()
        )
    }
}

// === impl Step ===

impl Step {
    /// A request; `{name}` in its path stands for what was kept under the name.
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        let path = path.into();
        Self { method, path, headers: vec![], body: vec![], keep: None, note: String::new() }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.note.push_str(&format!(" {name}={value}"));
        self.headers.push((name, value));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn keep(mut self, name: &'static str) -> Self {
        self.keep = Some(name);
        self
    }

    pub(super) fn note(mut self, note: &str) -> Self {
        self.note.push(' ');
        self.note.push_str(note);
        self
    }

    /// What it is called in reports, and in the table of differences.
    pub(super) fn label(&self) -> String {
        format!("{} {}{}", self.method, self.path, self.note)
    }
}

// === impl Side ===

impl Side {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { client: Client::new(address), address, kept: HashMap::new() }
    }

    /// Sends a request; once more if the server had closed the connection meanwhile.
    pub(super) fn play(&mut self, step: &Step) -> Outcome<Answer> {
        let mut path = step.path.clone();
        for (name, kept) in &self.kept {
            path = path.replace(&format!("{{{name}}}"), kept);
        }
        let headers: Vec<_> = step.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let mut send = || self.client.request(step.method, &path, &headers, &step.body);
        let response = send().or_else(|_| send());
        let response = response.map_err(|error| format!("{}: {error}", step.label()))?;
        if let (Some(name), Some(location)) = (step.keep, response.location()) {
            self.kept.insert(name, location.to_owned());
        }
        Ok(Answer::new(&response, self.address))
    }
}
