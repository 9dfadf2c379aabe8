//! Makes TLS connections of TCP connections.

use std::{fmt, io, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{
        ClientHello, NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::sleep};
use tokio_rustls::LazyConfigAcceptor;

use crate::{
    Clients, Demand, Error, Options, Renewal, Stream,
    challenges::Challenges,
    pair::Pair,
    pem, plain,
    suites::{self, prefers_chacha},
};

/// Makes TLS connections of TCP connections. Clones share everything.
#[derive(Clone)]
pub struct Acceptor {
    pair: Arc<Pair>,
    challenges: Arc<Challenges>,
    /// Where our order of cipher suites counts.
    ours: Arc<ServerConfig>,
    /// Where the client's order counts.
    theirs: Arc<ServerConfig>,
}

// === impl Acceptor ===

impl Acceptor {
    /// Reads all files, and fails if any of it cannot be used.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: suites::choose(&options.suites, options.minimum)?,
            ..aws_lc_rs::default_provider()
        });
        let pair =
            Pair::open(&options.certificate, &options.key, options.awaited, Arc::clone(&provider))?;
        let (pair, challenges) = (Arc::new(pair), Challenges::new(Arc::clone(&provider)));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(suites::versions(options.minimum))
            .map_err(setup)?;
        let builder = match &options.clients {
            Some(clients) => builder.with_client_cert_verifier(verifier(clients, provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut theirs = builder.with_cert_resolver(Arc::clone(&pair) as _);
        theirs.alpn_protocols = alpn(options.http2);
        theirs.ticketer = aws_lc_rs::Ticketer::new().map_err(setup)?;
        // A ticket holds everything; nothing is to be remembered here besides.
        theirs.session_storage = Arc::new(NoServerSessionStorage {});
        let mut ours = theirs.clone();
        ours.ignore_client_order = true;
        let challenges = Arc::new(challenges);
        Ok(Self { pair, challenges, ours: Arc::new(ours), theirs: Arc::new(theirs) })
    }

    /// Shakes hands with a client. This lasts as long as the client likes: whoever calls has to set a
    /// limit. A client that speaks plain HTTP is told so, and fails.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        if plain::is_http(&stream).await? {
            plain::answer(stream).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP to a port of TLS"));
        }
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        let challenge = self.challenges.config(&hello.client_hello()).map_err(io::Error::other)?;
        if let Some(config) = challenge {
            hello.into_stream(config).await?.shutdown().await?;
            return Err(io::Error::other("an authority has asked whose host this is"));
        }
        let config = self.config(&hello.client_hello());
        Ok(Stream::new(hello.into_stream(config).await?))
    }

    fn config(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        Arc::clone(if prefers_chacha(hello.cipher_suites()) { &self.theirs } else { &self.ours })
    }

    /// Shows this certificate, with its key (PKCS #8), to an authority that asks whose host it is
    /// (RFC 8737).
    pub fn answer_challenge(
        &self,
        host: &str,
        certificate: Vec<u8>,
        key: Vec<u8>,
    ) -> Result<(), Error> {
        self.challenges.show(host, certificate, key)
    }

    /// Shows it no longer.
    pub fn end_challenge(&self, host: &str) {
        self.challenges.end(host);
    }

    /// Whether there is no certificate yet, or less than a third of its time is left.
    pub fn has_aged(&self) -> bool {
        self.pair.has_aged()
    }

    /// Looks whether certificate and key were replaced on disk; new connections then get the new
    /// ones. Reads files: not for a thread that must not block.
    pub fn renew(&self) -> Renewal {
        self.pair.renew()
    }

    /// Does this again and again, and logs what came of it. Never ends.
    pub async fn keep_renewed(&self, every: Duration) {
        loop {
            sleep(every).await;
            let pair = Arc::clone(&self.pair);
            match tokio::task::spawn_blocking(move || pair.renew()).await {
                Ok(Renewal::Kept(error)) => tracing::error!(
                    "certificate and key have changed and cannot be used, the old ones stay: {error}"
                ),
                Ok(Renewal::Renewed) => tracing::info!("new connections get the new certificate"),
                // A thread that ends with the runtime has nothing to tell.
                Ok(Renewal::Unchanged) | Err(_) => {}
            }
        }
    }
}

/// Says which files, and nothing of what they hold.
impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("pair", &self.pair).finish_non_exhaustive()
    }
}

fn alpn(http2: bool) -> Vec<Vec<u8>> {
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    protocols.iter().map(|protocol| protocol.to_vec()).collect()
}

fn verifier(
    clients: &Clients,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let authorities = Arc::new(pem::authorities(&clients.authorities)?);
    let builder = WebPkiClientVerifier::builder_with_provider(authorities, provider);
    let builder = match clients.demand {
        Demand::IfGiven => builder.allow_unauthenticated(),
        Demand::Always => builder,
    };
    builder.build().map_err(setup)
}

pub(crate) fn setup(error: impl fmt::Display) -> Error {
    Error::Setup(error.to_string())
}
