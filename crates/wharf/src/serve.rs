//! `wharf serve`.

use std::{error::Error, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use wharf_config::{Configuration, Driver};
use wharf_registry::{Server, http::Meter};

use crate::{
    access, activation, auth, files, flags::Flags, lines::Lines, load, log, reload::Reload,
    sandbox, settle::settle, signals,
};

/// How long threads that the system holds on to may delay the end.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// Serves until a signal says otherwise.
pub(crate) fn serve(path: Option<&Path>, flags: &Flags) -> Result<(), Box<dyn Error>> {
    let variables = flags.variables()?;
    let load::Found { loaded, source } = load::load_with(path, variables.clone())?;
    flags.check(&loaded.configuration)?;
    let auth = loaded.configuration.auth.as_ref();
    let decisions = auth.and_then(|auth| auth.audit.as_deref());
    let (decisions, dial) = log::begin(&loaded.configuration.log, decisions)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    files::raise_limit();
    // Before there are other threads, which would not have its limits.
    sandbox::enter(&loaded.configuration, &loaded.document, &source).log();
    let (requests, lines) = access::log(&loaded.configuration.log)?.unzip();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let reload = Reload::new(path, variables, loaded.configuration.clone(), dial);
    let result = runtime.block_on(run(&loaded.configuration, requests, &source, reload));
    runtime.shutdown_timeout(LAST_MOMENT);
    decisions.iter().chain(&lines).for_each(Lines::flush);
    result
}

async fn run(
    configuration: &Configuration,
    requests: Option<Arc<dyn Meter>>,
    source: &str,
    reload: Reload,
) -> Result<(), Box<dyn Error>> {
    let (shutdown, hangups) = (signals::shutdown()?, signals::hangups()?);
    let mut server = Server::builder(configuration);
    if let Some(requests) = requests {
        server = server.meter(requests);
    }
    if let Some(listener) = activation::listener()? {
        server = server.listener(listener);
    }
    let server = server.bind().await?;
    let line = start_line(server.place(), configuration, source);
    tracing::info!(target: log::START, "{line}");
    if configuration.auth.is_none() && is_reachable(server.local_addr()) {
        tracing::warn!(
            "whoever reaches this address may do everything: there is no access control"
        );
    }
    let control = server.control();
    settle();
    tokio::select! {
        ended = server.run(shutdown) => ended?,
        never = reload.at_each(hangups, control) => match never {},
    }
    tracing::info!("ended");
    Ok(())
}

/// Whether others than this machine reach it; a socket file has the address 0.0.0.0:0.
fn is_reachable(address: SocketAddr) -> bool {
    address.port() != 0 && !address.ip().to_canonical().is_loopback()
}

/// Everything that somebody who just started a registry should know, on one line.
fn start_line(place: &str, configuration: &Configuration, source: &str) -> String {
    let storage = &configuration.storage;
    let store = match &storage.driver {
        Driver::InMemory => "memory, which forgets everything at its end".to_owned(),
        place => place.to_string(),
    };
    let changes = match (storage.read_only, storage.delete) {
        (true, _) => "read-only",
        (false, true) => "deletes on",
        (false, false) => "deletes off",
    };
    let how = if configuration.http.tls.is_some() { " over TLS" } else { "" };
    let access = auth::summary(configuration);
    format!("listening on {place}{how}, serving {store}, {changes}, {access} ({source})")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_start_line_of_the_embedded_default_says_it_all() {
        assert_eq!(
            start_line("127.0.0.1:5000", &Configuration::default(), "the embedded default"),
            "listening on 127.0.0.1:5000, serving the directory ./wharf-data, deletes on, \
             no access control (the embedded default)"
        );
    }

    #[test]
    fn every_key_of_the_schema_takes_effect_somewhere() {
        let known: BTreeSet<String> = wharf_config::schema::read_keys().into_iter().collect();
        let read: BTreeSet<String> = wharf_registry::mapping::keys()
            .chain(log::KEYS.iter().copied())
            .chain(access::KEYS.iter().copied())
            .chain(sandbox::KEYS.iter().copied())
            .map(str::to_owned)
            .collect();
        assert_eq!(known.difference(&read).collect::<Vec<_>>(), [""; 0], "read by no mapping");
        assert_eq!(read.difference(&known).collect::<Vec<_>>(), [""; 0], "not in the schema");
    }
}
