//! Lines of the log that are objects of JSON.
//!
//! The formatter `json` has the names that logrus, and so docker/distribution, gives them (`time`,
//! `level`, `msg`), `logstash` those of logstash's own. The fields of an event stand beside them, and so do
//! those of the request to which it belongs, and the configured ones.

use std::{fmt, mem};

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};
use wharf_config::Log;
use wharf_registry::http::RequestNames;

/// Writes events as objects.
pub(crate) struct Object {
    names: &'static Names,
    /// Stand in every line.
    fields: Map<String, Value>,
    /// Whether a line names its place in the source.
    caller: bool,
}

/// What the parts of a line are called.
struct Names {
    time: &'static str,
    level: &'static str,
    message: &'static str,
    version: Option<(&'static str, &'static str)>,
}

struct Fields<'a>(&'a mut Map<String, Value>);

const JSON: Names = Names { time: "time", level: "level", message: "msg", version: None };

const LOGSTASH: Names = Names {
    time: "@timestamp",
    level: "level",
    message: "message",
    version: Some(("@version", "1")),
};

// === impl Object ===

impl Object {
    pub(crate) fn json(log: &Log) -> Self {
        Self::of(&JSON, log)
    }

    pub(crate) fn logstash(log: &Log) -> Self {
        Self::of(&LOGSTASH, log)
    }

    fn of(names: &'static Names, log: &Log) -> Self {
        let fields = log.fields.iter();
        let fields = fields.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        Self { names, fields: fields.collect(), caller: log.report_caller }
    }
}

impl<S, N> FormatEvent<S, N> for Object
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = self.fields.clone();
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                take_fields(&mut line, fields);
            }
        }
        if let Some(names) = RequestNames::current() {
            line.extend(names.trace_id().map(|trace| ("trace_id".to_owned(), trace.into())));
            line.insert("request_id".to_owned(), (*names.request_id).into());
        }
        event.record(&mut Fields(&mut line));
        let message = line.remove("message");
        // What a line is made of has its name to itself.
        let (names, metadata) = (self.names, event.metadata());
        let mut set = |name: &str, value: Value| line.insert(name.to_owned(), value);
        set(names.message, message.unwrap_or_default());
        set(names.level, level(*metadata.level()).into());
        set("target", metadata.target().into());
        if let Some((name, version)) = names.version {
            set(name, version.into());
        }
        if let Some((file, number)) = metadata.file().zip(metadata.line()).filter(|_| self.caller) {
            set("file", format!("{file}:{number}").into());
        }
        set(names.time, now()?.into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Takes the fields of a span, which were written down as text: `name=value name=value`.
fn take_fields<N>(line: &mut Map<String, Value>, fields: &FormattedFields<N>) {
    let pairs = fields.fields.split(' ').filter_map(|pair| pair.split_once('='));
    line.extend(pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').into())));
}

/// As logrus calls it.
fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn now() -> Result<String, fmt::Error> {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    Ok(mem::take(&mut time))
}

// === impl Fields ===

impl Fields<'_> {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test has failed").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(object: Object, event: impl FnOnce()) -> Value {
        let written = Written::default();
        let lines = written.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(object)
            .with_ansi(false)
            .with_writer(move || lines.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), event);
        let text = written.0.lock().expect("no test has failed").clone();
        serde_json::from_slice(&text).expect("one object")
    }

    fn log() -> Log {
        let fields = BTreeMap::from([("site".to_owned(), "a \"b\"".to_owned())]);
        Log { fields, report_caller: true, ..wharf_config::Configuration::default().log }
    }

    #[test]
    fn a_line_has_the_names_of_logrus_and_of_what_it_is_part_of() {
        let line = line(Object::json(&log()), || {
            let part = tracing::error_span!("storage", request_id = "0a1b", trace_id = "ff");
            let _in = part.enter();
            tracing::warn!(number = 5, msg = "mine", flag = true, error = ?"x", "was {}", "said");
        });
        assert_eq!(line["msg"], "was said");
        assert_eq!((&line["level"], &line["number"]), (&"warning".into(), &5.into()));
        assert_eq!((&line["request_id"], &line["trace_id"]), (&"0a1b".into(), &"ff".into()));
        assert_eq!((&line["site"], &line["flag"]), (&"a \"b\"".into(), &true.into()));
        assert!(line["file"].as_str().expect("a text").contains("object.rs:"), "{line}");
        assert!(line["time"].as_str().expect("a text").ends_with('Z'), "{line}");
    }

    #[test]
    fn a_line_for_logstash_has_its_own_names() {
        let line = line(Object::logstash(&log()), || tracing::error!("said"));
        assert_eq!((&line["message"], &line["@version"]), (&"said".into(), &"1".into()));
        assert!(line["@timestamp"].is_string() && line.get("msg").is_none(), "{line}");
    }
}
