//! The access log: a line for each request to stdout, as the original does.

use std::{io, sync::Arc};

use wharf_config::{AccessFormat, Log};
use wharf_registry::http::{self, AccessLog, Meter};

use crate::lines::Lines;

/// The keys that are read here.
#[cfg(test)]
pub(crate) const KEYS: &[&str] = &["log.accesslog.disabled", "log.accesslog.format"];

/// Who is to be told of each request, and where the lines go, which are to be flushed at the end; `None`
/// if nobody wants them.
pub(crate) fn log(log: &Log) -> io::Result<Option<(Arc<dyn Meter>, Lines)>> {
    if !log.access_log {
        return Ok(None);
    }
    let format = match log.access_format {
        AccessFormat::Combined => http::AccessFormat::Combined,
        AccessFormat::Json => http::AccessFormat::Json,
    };
    let lines = Lines::to("access", io::stdout())?;
    let taken = lines.clone();
    let meter = AccessLog::new(format, move |line: &str| taken.take(line.as_bytes()));
    Ok(Some((Arc::new(meter), lines)))
}
