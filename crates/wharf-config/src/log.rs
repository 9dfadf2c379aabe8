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
    /// `log.accesslog.format`: what such a line looks like.
    pub access_format: AccessFormat,
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
    /// For programs, by the names of logrus.
    Json,
    /// For programs, by the names of logstash.
    Logstash,
}

/// What a line of the access log looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessFormat {
    /// Apache's combined format.
    #[default]
    Combined,
    /// An object of JSON.
    Json,
}

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
        let access = log.section("accesslog")?;
        Ok(Self {
            level: log.value("level")?.or(old_level).unwrap_or_default(),
            formatter: log.value("formatter")?.unwrap_or_default(),
            fields,
            access_log: !access.flag("disabled")?,
            access_format: access.value("format")?.unwrap_or_default(),
            report_caller: log.flag("reportcaller")?,
        })
    }
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

// === impl Formatter ===

impl Scalar for Formatter {
    const EXPECTED: &'static str = "text, json or logstash";

    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "text" => Self::Text,
            "json" => Self::Json,
            "logstash" => Self::Logstash,
            _ => return None,
        })
    }
}

// === impl AccessFormat ===

impl Scalar for AccessFormat {
    const EXPECTED: &'static str = "combined or json";

    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "combined" => Self::Combined,
            "json" => Self::Json,
            _ => return None,
        })
    }
}
