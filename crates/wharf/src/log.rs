//! Where logs go: stderr as text or JSON. Lines that belong to a request name it.

use std::{collections::BTreeMap, fmt, path::Path};

use tracing::{Event, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Format, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
};
use wharf_config::{Formatter, Log};
use wharf_registry::http::RequestNames;

use crate::{audit, lines::Lines, object::Object};

/// The keys that are read here.
#[cfg(test)]
pub(crate) const KEYS: &[&str] =
    &["log.level", "log.formatter", "log.fields", "log.reportcaller", "loglevel", "auth.audit"];

/// The line that says where the registry listens, which is written at any level.
pub(crate) const START: &str = "wharf::start";

/// Changes the level while the program runs.
pub(crate) struct Dial(reload::Handle<Targets, Registry>);

/// Begins to log, decisions about access to this file; the lines that are returned are to be flushed at
/// the end.
pub(crate) fn begin(
    log: &Log,
    decisions: Option<&Path>,
) -> Result<(Option<Lines>, Dial), Box<dyn std::error::Error>> {
    let decisions = decisions.map(audit::open).transpose()?;
    let (filter, dial) = reload::Layer::new(wanted(log));
    let subscriber = tracing_subscriber::registry()
        .with(events(log).with_filter(filter))
        .with(decisions.clone().map(audit::layer));
    tracing::subscriber::set_global_default(subscriber)?;
    Ok((decisions, Dial(dial)))
}

/// Logs what is wrong to stderr, for commands that end by themselves.
pub(crate) fn to_stderr() -> Result<(), Box<dyn std::error::Error>> {
    let usual = wharf_config::Configuration::default().log;
    let log = Log { level: wharf_config::Level::Warn, access_log: false, ..usual };
    begin(&log, None).map(drop)
}

// === impl Dial ===

impl Dial {
    /// Logs from another level on.
    pub(crate) fn turn(&self, log: &Log) {
        // Without a subscriber nobody listens anyway.
        let _ = self.0.modify(|filter| *filter = wanted(log));
    }
}

/// Ours from the configured level on; of others only what is wrong.
fn wanted(log: &Log) -> Targets {
    let level = match log.level {
        wharf_config::Level::Error => LevelFilter::ERROR,
        wharf_config::Level::Warn => LevelFilter::WARN,
        wharf_config::Level::Info => LevelFilter::INFO,
        wharf_config::Level::Debug => LevelFilter::DEBUG,
    };
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("wharf", level)
        .with_target(START, level.max(LevelFilter::INFO))
        .with_target(audit::TARGET, LevelFilter::OFF)
}

fn events<S>(log: &Log) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let format = Format::default()
        .with_ansi(false)
        .with_file(log.report_caller)
        .with_line_number(log.report_caller);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    match log.formatter {
        Formatter::Text => {
            let layer = layer.fmt_fields(DefaultFields::new());
            Box::new(layer.event_format(More { inner: format, more: text_fields(&log.fields) }))
        }
        Formatter::Json => Box::new(layer.event_format(Object::json(log))),
        Formatter::Logstash => Box::new(layer.event_format(Object::logstash(log))),
    }
}

/// Puts more at the end of every line: what the request is called to which it belongs, and the same
/// text.
struct More<F> {
    inner: F,
    more: String,
}

// === impl More ===

impl<S, N, F> FormatEvent<S, N> for More<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let names = RequestNames::current();
        if self.more.is_empty() && names.is_none() {
            return self.inner.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        write!(writer, "{}", line.strip_suffix('\n').unwrap_or(&line))?;
        if let Some(names) = names {
            write!(writer, " request_id={}", names.request_id)?;
            let trace = names.trace_id();
            trace.map_or(Ok(()), |trace| write!(writer, " trace_id={trace}"))?;
        }
        writeln!(writer, "{}", self.more)
    }
}

fn text_fields(fields: &BTreeMap<String, String>) -> String {
    fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect()
}
