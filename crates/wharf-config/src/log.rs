//! `log`: what is logged, and how.

use std::collections::BTreeMap;

use crate::{
    ConfigError, Warning,
    section::{Scalar, Section},
};

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `log.level`, or the old `loglevel`.
    pub level: Level,
    /// `log.formatter`.
    pub formatter: Formatter,
    /// `log.fields`: stand in every line.
    pub fields: BTreeMap<String, String>,
    /// Not `log.accesslog.disabled`: a line for every request.
    pub access_log: bool,
    /// `log.reportcaller`: every line names its place in the source.
    pub report_caller: bool,
}

/// From which weight on something is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// What failed.
    Error,
    /// What should not be.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// How it happens.
    Debug,
}

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Formatter {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

struct FormatterName(&'static str);

// === impl Log ===

impl Log {
    pub(crate) fn read(
        root: &Section<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, ConfigError> {
        let log = root.section("log")?;
        let old_level = root.value("loglevel")?;
        if let Some(found) = root.find("loglevel") {
            let problem = "deprecated, use log.level";
            warnings.push(Warning::new(found.place().clone(), "loglevel", problem));
        }
        let mut fields = BTreeMap::new();
        for (name, value) in log.made_up("fields")? {
            fields.insert(name.to_owned(), value.scalar()?);
        }
        Ok(Self {
            level: log.value("level")?.or(old_level).unwrap_or_default(),
            formatter: formatter(&log, warnings)?,
            fields,
            access_log: !log.section("accesslog")?.flag("disabled")?,
            report_caller: log.flag("reportcaller")?,
        })
    }
}

fn formatter(log: &Section<'_>, warnings: &mut Vec<Warning>) -> Result<Formatter, ConfigError> {
    Ok(match log.value("formatter")? {
        None | Some(FormatterName("text")) => Formatter::Text,
        Some(FormatterName("logstash")) => {
            let place = log.find("formatter").map(|found| found.place().clone());
            let problem = "logstash is written as json, without its own field names";
            warnings.extend(place.map(|place| Warning::new(place, "log.formatter", problem)));
            Formatter::Json
        }
        Some(FormatterName(_)) => Formatter::Json,
    })
}

// === impl Level ===

impl Scalar for Level {
    const EXPECTED: &'static str = "error, warn, info or debug";

    fn read(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "error" => Self::Error,
            "warn" | "warning" => Self::Warn,
            "info" => Self::Info,
            "debug" => Self::Debug,
            _ => return None,
        })
    }
}

// === impl FormatterName ===

impl Scalar for FormatterName {
    const EXPECTED: &'static str = "text, json or logstash";

    fn read(text: &str) -> Option<Self> {
        ["text", "json", "logstash"].into_iter().find(|name| *name == text).map(Self)
    }
}
