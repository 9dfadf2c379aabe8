//! What the tests of both encodings send.

use std::time::{Duration, SystemTime};

use wharf_otel::{Kind, Settings, Span};

/// How long a test waits for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// For a collector that is sent nothing before it is asked to be, with more variables of the environment
/// by their names after `OTEL_`.
pub(crate) fn settings(endpoint: &str, protocol: &str, more: &[(&str, &str)]) -> Settings {
    let own = [
        ("EXPORTER_OTLP_ENDPOINT", endpoint),
        ("EXPORTER_OTLP_PROTOCOL", protocol),
        ("BSP_SCHEDULE_DELAY", "3600000"),
    ];
    let variables = |name: &str| {
        let mut all = own.iter().chain(more);
        all.find(|(own, _)| name.strip_prefix("OTEL_") == Some(own)).map(|it| it.1.to_owned())
    };
    Settings::from_variables(variables).unwrap().unwrap()
}

/// One of which only the number tells.
pub(crate) fn span(number: u8) -> Span {
    Span {
        trace: [number; 16],
        id: [number; 8],
        parent: None,
        name: "GET /".into(),
        kind: Kind::Server,
        began: SystemTime::UNIX_EPOCH,
        ended: SystemTime::UNIX_EPOCH + Duration::from_nanos(17),
        failed: true,
        attributes: vec![("a", "b".into()), ("n", 5.into())],
    }
}
