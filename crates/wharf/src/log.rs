//! Where logs go: stderr as text or JSON, and a line for each request to stdout, as the original does.
//! Lines that belong to a request name it.

use std::{collections::BTreeMap, fmt, path::Path};

use tracing::{Event, Level, Subscriber, field, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, DefaultFields, Format, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
};
use wharf_config::{AccessFormat, Formatter, Log};

use crate::{audit, lines::Lines, object::Object};

/// The keys that are read here; `log.accesslog.disabled` is for the surface.
#[cfg(test)]
pub(crate) const KEYS: &[&str] = &[
    "log.level",
    "log.formatter",
    "log.fields",
    "log.reportcaller",
    "log.accesslog.format",
    "loglevel",
    "auth.audit",
];

/// The line that says where the registry listens, which is written at any level.
pub(crate) const START: &str = "wharf::start";

const ACCESS: &str = "wharf::access";

/// Changes the level while the program runs.
pub(crate) struct Dial(reload::Handle<Targets, Registry>);

/// Begins to log, decisions about access to this file; the lines that are returned are to be flushed at
/// the end.
pub(crate) fn begin(
    log: &Log,
    decisions: Option<&Path>,
) -> Result<(Vec<Lines>, Dial), Box<dyn std::error::Error>> {
    let lines = log.access_log.then(|| Lines::to("access", std::io::stdout())).transpose()?;
    let decisions = decisions.map(audit::open).transpose()?;
    let access = lines.clone().map(|lines| {
        let only = Targets::new().with_target(ACCESS, Level::INFO);
        let layer = tracing_subscriber::fmt::layer().with_writer(lines);
        match log.access_format {
            AccessFormat::Combined => layer.event_format(MessageOnly).with_filter(only).boxed(),
            AccessFormat::Json => layer.event_format(Object::access()).with_filter(only).boxed(),
        }
    });
    let (filter, dial) = reload::Layer::new(wanted(log));
    let subscriber = tracing_subscriber::registry()
        .with(events(log).with_filter(filter))
        .with(access)
        .with(decisions.clone().map(audit::layer));
    tracing::subscriber::set_global_default(subscriber)?;
    Ok((lines.into_iter().chain(decisions).collect(), Dial(dial)))
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
        .with_target(ACCESS, LevelFilter::OFF)
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

/// Inserts the same text before the end of every line.
struct More<F> {
    inner: F,
    more: String,
}

/// Writes what was said, and nothing else.
struct MessageOnly;

struct Message<'a>(Writer<'a>, fmt::Result);

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
        if self.more.is_empty() {
            return self.inner.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        writeln!(writer, "{line}{}", self.more)
    }
}

fn text_fields(fields: &BTreeMap<String, String>) -> String {
    fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect()
}

// === impl MessageOnly ===

impl<S, N> FormatEvent<S, N> for MessageOnly
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: format::Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message(writer.by_ref(), Ok(()));
        event.record(&mut message);
        message.1?;
        writeln!(writer)
    }
}

impl field::Visit for Message<'_> {
    fn record_debug(&mut self, field: &field::Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.1 = write!(self.0, "{value:?}");
        }
    }
}
