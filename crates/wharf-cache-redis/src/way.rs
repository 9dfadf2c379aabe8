//! How one gets to redis: to one server, to the one that sentinels name, or to a cluster.

use std::{fs, path::PathBuf};

use redis::{
    Client, ClientTlsConfig, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult, TlsCertificates, TlsMode,
    aio::MultiplexedConnection,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::sync::Mutex;

use crate::{Error, Options, Tls};

/// How one gets to redis.
pub(crate) enum Way {
    One(Client),
    Sentinels(Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

/// A connection, which many use at the same time.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

// === impl Way ===

impl Way {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let addresses =
            options.addresses.iter().map(|address| parse(address, options.tls.is_some()));
        let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
        let certificates = options.tls.as_ref().map(certificates).transpose()?;
        match (&options.master_name, addresses.as_slice()) {
            (_, []) => Err(Error::NoAddress),
            (Some(name), _) => Self::sentinels(options, addresses, name, certificates),
            (None, [address]) => Self::one(options, address.clone(), certificates),
            (None, _) => Self::cluster(options, addresses, certificates),
        }
    }

    fn one(
        options: &Options,
        address: ConnectionAddr,
        certificates: Option<TlsCertificates>,
    ) -> Result<Self, Error> {
        let info = address.into_connection_info()?.set_redis_settings(settings(options));
        Ok(Self::One(match certificates {
            Some(certificates) => Client::build_with_tls(info, certificates)?,
            None => Client::open(info)?,
        }))
    }

    fn sentinels(
        options: &Options,
        addresses: Vec<ConnectionAddr>,
        name: &str,
        certificates: Option<TlsCertificates>,
    ) -> Result<Self, Error> {
        let kind = SentinelServerType::Master;
        let mut builder = SentinelClientBuilder::new(addresses, name, kind)?
            .set_client_to_redis_db(i64::from(options.db));
        if let Some(username) = &options.username {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = &options.password {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(username) = &options.sentinel_username {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = &options.sentinel_password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if let Some(certificates) = certificates {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_certificates(certificates);
        }
        Ok(Self::Sentinels(Mutex::new(builder.build()?)))
    }

    fn cluster(
        options: &Options,
        addresses: Vec<ConnectionAddr>,
        certificates: Option<TlsCertificates>,
    ) -> Result<Self, Error> {
        let mut builder = ClusterClientBuilder::new(addresses)
            .connection_timeout(options.connect_timeout)
            .response_timeout(options.timeout)
            // Whoever asks waits no longer than for one answer.
            .retries(2)
            .max_retry_wait(50)
            .min_retry_wait(5);
        if let Some(username) = &options.username {
            builder = builder.username(username);
        }
        if let Some(password) = &options.password {
            builder = builder.password(password);
        }
        if let Some(certificates) = certificates {
            builder = builder.tls(TlsMode::Secure).certs(certificates);
        }
        Ok(Self::Cluster(builder.build()?))
    }

    /// Makes a connection; whoever calls limits the time.
    pub(crate) async fn connect(&self) -> RedisResult<Connection> {
        match self {
            Self::One(client) => {
                client.get_multiplexed_async_connection().await.map(Connection::One)
            }
            Self::Sentinels(client) => {
                client.lock().await.get_async_connection().await.map(Connection::One)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

// === helpers ===

impl From<redis::RedisError> for Error {
    fn from(error: redis::RedisError) -> Self {
        Self::Refused(error.to_string())
    }
}

fn parse(address: &str, tls: bool) -> Result<ConnectionAddr, Error> {
    let wrong = || Error::Address(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host,
        None if host.contains(':') => return Err(wrong()),
        None => host,
    };
    // As in Go, no host is this machine.
    let host = if host.is_empty() { "localhost" } else { host }.to_owned();
    Ok(match tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    })
}

fn settings(options: &Options) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(i64::from(options.db));
    if let Some(username) = &options.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &options.password {
        settings = settings.set_password(password);
    }
    settings
}

fn certificates(tls: &Tls) -> Result<TlsCertificates, Error> {
    let read = |file: &PathBuf| {
        fs::read(file).map_err(|source| Error::File { file: file.clone(), source })
    };
    let client_tls = match &tls.identity {
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
        None => None,
    };
    let authorities = tls.authorities.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let root_cert = (!authorities.is_empty()).then(|| authorities.join(&b'\n'));
    Ok(TlsCertificates { client_tls, root_cert })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports() {
        for (text, expected) in [
            ("redis.example:6379", Some(("redis.example", 6379))),
            ("[::1]:1", Some(("::1", 1))),
            (":6379", Some(("localhost", 6379))),
            ("redis.example", None),
            ("::1:5", None),
            ("a:b", None),
            ("a:99999", None),
        ] {
            match (parse(text, false), expected) {
                (Ok(ConnectionAddr::Tcp(host, port)), Some(expected)) => {
                    assert_eq!((host.as_str(), port), expected);
                }
                (Err(Error::Address(named)), None) => assert_eq!(named, text),
                _ => panic!("{text}"),
            }
        }
    }

    #[test]
    fn what_is_configured_says_which_way_it_goes() {
        let way = |addresses: &[&str], master: Option<&str>| {
            Way::new(&Options {
                addresses: addresses.iter().map(|&it| it.to_owned()).collect(),
                master_name: master.map(str::to_owned),
                username: Some("u".to_owned()),
                password: Some("p".to_owned()),
                ..Options::default()
            })
        };
        assert!(matches!(way(&["a:1"], None), Ok(Way::One(_))));
        assert!(matches!(way(&["a:1", "b:1"], None), Ok(Way::Cluster(_))));
        assert!(matches!(way(&["a:1"], Some("m")), Ok(Way::Sentinels(_))));
        assert!(matches!(way(&[], Some("m")), Err(Error::NoAddress)));
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let tls = Some(Tls { authorities: vec!["/nowhere/ca.pem".into()], ..Tls::default() });
        let addresses = vec!["a:1".to_owned()];
        let error = Way::new(&Options { addresses, tls, ..Options::default() }).err().unwrap();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}
