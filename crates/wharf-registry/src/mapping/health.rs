//! `health` → the checks of [`crate::health`].

use std::sync::Arc;

use wharf_config::{Header, Health, HttpCheck};
use wharf_driver::Driver;
use wharf_outbound::{Client, Options, Reach};

use crate::{
    Error,
    health::{Answers, Check, Connects, Lacks, Schedule, Stands},
};

pub(crate) const KEYS: &[&str] = &[
    "health.serve",
    "health.storagedriver.enabled",
    "health.storagedriver.interval",
    "health.storagedriver.threshold",
    "health.file",
    "health.http",
    "health.tcp",
];

/// The checks that are configured, each with its name and how often it is made.
pub(crate) fn checks(health: &Health, driver: &Arc<dyn Driver>) -> Result<Vec<Check>, Error> {
    let Health { serve: _, store, files, http, tcp } = health;
    let mut checks: Vec<Check> = Vec::new();
    if let Some(check) = store {
        // The name that the original gives it.
        let name = format!("storagedriver_{}", driver.name());
        let schedule = Schedule::new(name, check.interval, check.threshold);
        checks.push((schedule, Box::new(Stands::new(Arc::clone(driver)))));
    }
    for check in files {
        let name = check.file.display().to_string();
        let schedule = Schedule::new(name, check.interval, check.threshold);
        checks.push((schedule, Box::new(Lacks(check.file.clone()))));
    }
    for check in http {
        let schedule = Schedule::new(check.uri.clone(), check.interval, check.threshold);
        checks.push((schedule, Box::new(answers(check)?)));
    }
    for check in tcp {
        let address = check.address.to_string();
        let schedule = Schedule::new(address.clone(), check.interval, check.threshold);
        checks.push((schedule, Box::new(Connects { address, timeout: check.timeout })));
    }
    Ok(checks)
}

fn answers(check: &HttpCheck) -> Result<Answers, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Health {
        check: check.uri.clone(),
        problem: error.to_string(),
    };
    let mut request = http::Request::head(&check.uri);
    for Header { name, value } in &check.headers {
        request = request.header(name, value);
    }
    let request = request.body(bytes::Bytes::new()).map_err(|error| wrong(&error))?;
    let options = Options {
        // The operator has named it.
        reach: Reach::public().and_server(request.uri()),
        connect_timeout: check.timeout,
        timeout: check.timeout,
        ..Options::default()
    };
    let client = Client::new(options).map_err(|error| wrong(&error))?;
    Ok(Answers { client, request, status: check.status })
}
