//! The audit log: every decision about access, as a line of JSON at the end of a file.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt as _, path::Path};

use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use crate::lines::Lines;

/// The target of decisions, which go nowhere else.
pub(crate) const TARGET: &str = "wharf::audit";

/// Opens the file, which only its owner and its group may read.
pub(crate) fn open(path: &Path) -> io::Result<Lines> {
    let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
    let named = |error| io::Error::other(format!("auth.audit: {}: {error}", path.display()));
    Lines::to("audit", file.map_err(named)?)
}

/// Writes decisions to these lines.
pub(crate) fn layer<S>(lines: Lines) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_level(false)
        .with_writer(lines)
        .with_filter(Targets::new().with_target(TARGET, Level::INFO))
}
