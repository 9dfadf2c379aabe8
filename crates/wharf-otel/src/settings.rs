//! The variables that OpenTelemetry defines.

use std::{fmt, path::PathBuf, time::Duration};

use http::{Uri, uri::Scheme};
use percent_encoding::percent_decode_str;

use crate::{Protocol, Sampler, grpc};

/// Where spans go, and which.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// The URL that takes them.
    pub endpoint: String,
    /// How they are written down and carried.
    pub protocol: Protocol,
    /// Files of certificate authorities that are trusted besides those of the system.
    pub authorities: Vec<PathBuf>,
    /// Headers that it wants, often with a secret in them.
    pub headers: Vec<(String, String)>,
    /// How long a batch may take.
    pub timeout: Duration,
    /// What is known of this server.
    pub resource: Vec<(String, String)>,
    /// Which traces are kept.
    pub sampler: Sampler,
    /// How long a span waits for others.
    pub delay: Duration,
    /// How many spans may wait.
    pub queue: usize,
    /// How many go together.
    pub batch: usize,
}

/// A variable that says what cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct SettingsError {
    variable: &'static str,
    problem: String,
}

/// Variables, of which an empty one counts as absent.
struct Variables<F>(F);

const SERVICE: &str = "wharf";

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

// === impl Settings ===

impl Settings {
    /// What the environment says; `None` if it does not ask for traces.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, SettingsError> {
        let variables = Variables(variable);
        let is_on = match variables.get("OTEL_TRACES_EXPORTER").as_deref() {
            Some("otlp") => true,
            None => variables.first(&[TRACES_ENDPOINT, ENDPOINT]).is_some(),
            Some("none") => false,
            Some(other) => {
                let problem = format!("expected otlp or none, found {other:?}");
                return Err(SettingsError { variable: "OTEL_TRACES_EXPORTER", problem });
            }
        };
        let is_disabled = variables.get("OTEL_SDK_DISABLED");
        if !is_on || is_disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let protocol = variables.protocol()?;
        let queue = variables.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048)?.clamp(1, 1 << 20);
        let batch = variables.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)?.clamp(1, queue);
        let to_size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Some(Self {
            endpoint: variables.endpoint(protocol)?,
            protocol,
            authorities: variables.authorities(),
            headers: variables
                .pairs(&["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"])?,
            timeout: variables.timeout()?,
            resource: variables.resource()?,
            sampler: variables.sampler()?,
            delay: Duration::from_millis(variables.number("OTEL_BSP_SCHEDULE_DELAY", 5_000)?),
            queue: to_size(queue),
            batch: to_size(batch),
        }))
    }
}

impl fmt::Debug for Settings {
    /// Without the values of headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("authorities", &self.authorities)
            .field("headers", &names)
            .field("resource", &self.resource)
            .field("sampler", &self.sampler)
            .finish_non_exhaustive()
    }
}

// === impl Variables ===

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    fn protocol(&self) -> Result<Protocol, SettingsError> {
        let names = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
        let Some((variable, name)) = self.first(&names) else { return Ok(Protocol::default()) };
        let problem = format!("expected http/protobuf, http/json or grpc, found {name:?}");
        Protocol::parse(&name).ok_or(SettingsError { variable, problem })
    }

    /// What is named for traces is where they go, whereas a path is added to what is named for
    /// everything. gRPC has a path of its own.
    fn endpoint(&self, protocol: Protocol) -> Result<String, SettingsError> {
        let named = self.first(&[TRACES_ENDPOINT, ENDPOINT]);
        let (variable, text) = named.unwrap_or((ENDPOINT, protocol.local().to_owned()));
        // The text may hold a password.
        let problem = "expected a URL of http or https".to_owned();
        let url = text.parse::<Uri>().ok();
        let server = url.as_ref().and_then(|url| Some((url.scheme()?, url.authority()?)));
        match server.filter(|(scheme, _)| [&Scheme::HTTP, &Scheme::HTTPS].contains(scheme)) {
            None => Err(SettingsError { variable, problem }),
            Some((scheme, host)) if protocol == Protocol::Grpc => {
                Ok(format!("{scheme}://{host}{}", grpc::PATH))
            }
            Some(_) if variable == TRACES_ENDPOINT => Ok(text),
            Some(_) => Ok(format!("{}/v1/traces", text.trim_end_matches('/'))),
        }
    }

    fn authorities(&self) -> Vec<PathBuf> {
        let names = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
        self.first(&names).into_iter().map(|(_, file)| file.into()).collect()
    }

    fn number(&self, variable: &'static str, usual: u64) -> Result<u64, SettingsError> {
        let Some(value) = self.get(variable) else { return Ok(usual) };
        let problem = format!("expected a number, found {value:?}");
        value.parse().map_err(|_| SettingsError { variable, problem })
    }

    fn timeout(&self) -> Result<Duration, SettingsError> {
        let general = self.number("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000)?;
        self.number("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", general).map(Duration::from_millis)
    }

    fn sampler(&self) -> Result<Sampler, SettingsError> {
        let Some(name) = self.get("OTEL_TRACES_SAMPLER") else { return Ok(Sampler::default()) };
        let argument = self.get("OTEL_TRACES_SAMPLER_ARG");
        let problem = format!("no such sampler: {name:?} with {argument:?}");
        let sampler = Sampler::parse(&name, argument.as_deref());
        sampler.ok_or(SettingsError { variable: "OTEL_TRACES_SAMPLER", problem })
    }

    fn resource(&self) -> Result<Vec<(String, String)>, SettingsError> {
        let mut resource = self.pairs(&["OTEL_RESOURCE_ATTRIBUTES"])?;
        let named = resource.iter().any(|(name, _)| name == "service.name");
        if let Some(name) = self.get("OTEL_SERVICE_NAME") {
            resource.retain(|(name, _)| name != "service.name");
            resource.push(("service.name".to_owned(), name));
        } else if !named {
            resource.push(("service.name".to_owned(), SERVICE.to_owned()));
        }
        Ok(resource)
    }

    /// `name=value,name=value`, percent-encoded.
    fn pairs(&self, names: &[&'static str]) -> Result<Vec<(String, String)>, SettingsError> {
        let Some((variable, text)) = self.first(names) else { return Ok(Vec::new()) };
        let decode = |text: &str| Some(percent_decode_str(text.trim()).decode_utf8().ok()?.into());
        let pairs = text.split(',').filter(|pair| !pair.trim().is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((decode(name)?, decode(value)?))
        });
        // The text may be a secret.
        let problem = "expected name=value,name=value".to_owned();
        pairs.collect::<Option<_>>().ok_or(SettingsError { variable, problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, SettingsError> {
        Settings::from_variables(|wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn it_is_off_unless_it_is_asked_for() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "x")],
            &[("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c")],
            &[("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_SDK_DISABLED", "true")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        ] {
            assert_eq!(read(variables), Ok(None), "{variables:?}");
        }
    }

    #[test]
    fn the_endpoint_is_that_of_traces() {
        let check = |variables: &[(&str, &str)], expected: &str| {
            assert_eq!(read(variables).unwrap().unwrap().endpoint, expected);
        };
        check(&[("OTEL_TRACES_EXPORTER", "otlp")], "http://localhost:4318/v1/traces");
        check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1/x/")], "http://c:1/x/v1/traces");
        let whole = (TRACES_ENDPOINT, "https://c/in");
        check(&[whole, (ENDPOINT, "http://d")], "https://c/in");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        let check = |variables: &[(&str, &str)], server: &str| {
            check(&[variables, &[grpc]].concat(), &format!("{server}{method}"));
        };
        check(&[("OTEL_TRACES_EXPORTER", "otlp")], "http://localhost:4317");
        check(&[(ENDPOINT, "https://c:4317/")], "https://c:4317");
        check(&[(TRACES_ENDPOINT, "http://c:4317"), (ENDPOINT, "x")], "http://c:4317");
    }

    #[test]
    fn what_is_known_of_the_server_goes_with_its_spans() {
        let settings = read(&[
            ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,zone=x%2Cy , "),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem"),
        ]);
        let settings = settings.unwrap().unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(settings.resource, [pair("service.name", "a"), pair("zone", "x,y")]);
        assert_eq!(settings.headers, [pair("authorization", "Bearer secret")]);
        assert_eq!((settings.queue, settings.batch), (10, 10));
        assert_eq!(settings.authorities, [PathBuf::from("ca.pem")]);
        assert_eq!(settings.timeout, Duration::from_millis(250));
        let text = format!("{settings:?}");
        assert!(!text.contains("secret") && text.contains("authorization"), "{text}");
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (variable, value) in [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            (ENDPOINT, "not a URL"),
            (ENDPOINT, "collector:4317"),
            (TRACES_ENDPOINT, "ftp://collector"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon"),
            ("OTEL_TRACES_SAMPLER", "some"),
            ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a"),
        ] {
            let error = read(&[("OTEL_TRACES_EXPORTER", "otlp"), (variable, value)]);
            let error =
                if variable == "OTEL_TRACES_EXPORTER" { read(&[(variable, value)]) } else { error };
            assert!(error.unwrap_err().to_string().starts_with(variable), "{variable}");
        }
    }
}
