//! Makes connections, to nowhere that may not be reached.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::{
    Error, Options, Proxy, Reach, Resolve,
    error::Server,
    reach::authority,
    roots,
    stream::{Kind, Stream},
};

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Parts>);

struct Parts {
    reach: Reach,
    resolver: Arc<dyn Resolve>,
    proxy: Option<Proxy>,
    tls: TlsConnector,
    limit: Duration,
}

// === impl Connector ===

impl Connector {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let mut tls = roots::config(&options.authorities)?;
        if options.http2_only {
            tls.alpn_protocols = vec![b"h2".to_vec()];
        }
        Ok(Self(Arc::new(Parts {
            reach: options.reach.clone(),
            resolver: Arc::clone(&options.resolver),
            proxy: options.proxy.clone(),
            tls: TlsConnector::from(Arc::new(tls)),
            limit: options.connect_timeout,
        })))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let parts = Arc::clone(&self.0);
        Box::pin(async move {
            match timeout(parts.limit, parts.connect(&url)).await {
                Ok(connected) => connected.map(TokioIo::new),
                Err(_) => Err(Error::TimedOut { server: Server::of(&url), limit: parts.limit }),
            }
        })
    }
}

// === impl Parts ===

impl Parts {
    async fn connect(&self, url: &Uri) -> Result<Stream, Error> {
        let (host, port) = authority(url).ok_or_else(|| Error::Url(Server::of(url)))?;
        let secure = url.scheme() == Some(&Scheme::HTTPS);
        let tcp = match &self.proxy {
            Some(proxy) => self.through(proxy, url, &host, port, secure).await?,
            None => self.direct(url, &host, port).await?,
        };
        let failed = |error: io::Error| Error::Connect {
            server: Server::of(url),
            problem: error.to_string(),
        };
        tcp.set_nodelay(true).map_err(failed)?;
        if !secure {
            return Ok(Stream { kind: Kind::Plain(tcp), to_proxy: self.proxy.is_some() });
        }
        let name = ServerName::try_from(host).map_err(|_| Error::Url(Server::of(url)))?;
        let tls = self.tls.connect(name, tcp).await.map_err(failed)?;
        Ok(Stream { kind: Kind::Secure(Box::new(tls)), to_proxy: false })
    }

    /// Connects to the first address that answers. Each is checked right before: there is no second
    /// resolution that could say something else.
    async fn direct(&self, url: &Uri, host: &str, port: u16) -> Result<TcpStream, Error> {
        let mut failure = Error::Resolve {
            server: Server::of(url),
            problem: "the name has no address".to_owned(),
        };
        for address in self.addresses(url, host).await? {
            if !self.reach.allows(url, address) {
                failure = Error::Private { server: Server::of(url), address };
                continue;
            }
            match TcpStream::connect(SocketAddr::from((address, port))).await {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    let (server, problem) = (Server::of(url), error.to_string());
                    failure = Error::Connect { server, problem };
                }
            }
        }
        Err(failure)
    }

    /// Connects to the proxy, and through it where the connection is to be secure.
    async fn through(
        &self,
        proxy: &Proxy,
        url: &Uri,
        host: &str,
        port: u16,
        secure: bool,
    ) -> Result<TcpStream, Error> {
        if let Ok(address) = host.parse()
            && !self.reach.allows(url, address)
        {
            return Err(Error::Private { server: Server::of(url), address });
        }
        let (proxy_host, proxy_port) = proxy.address();
        let unreachable = |error: io::Error| Error::Proxy(error.to_string());
        let mut tcp = TcpStream::connect((proxy_host, proxy_port)).await.map_err(unreachable)?;
        if secure {
            proxy.tunnel(&mut tcp, host, port).await?;
        }
        Ok(tcp)
    }

    async fn addresses(&self, url: &Uri, host: &str) -> Result<Vec<IpAddr>, Error> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let resolved = self.resolver.resolve(host).await;
        resolved
            .map_err(|error| Error::Resolve { server: Server::of(url), problem: error.to_string() })
    }
}
