//! Certificates in a folder, and a client that says how its handshake went.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedCipherSuite,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wharf_tls::{Acceptor, Options};

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An authority, and a folder for what it signs.
pub(crate) struct Authority {
    pub(crate) folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    pub(crate) root: CertificateDer<'static>,
}

/// A certificate with its key.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: KeyPair,
    pub(crate) der: CertificateDer<'static>,
}

/// What a client brings along.
#[derive(Default)]
pub(crate) struct Client {
    pub(crate) only12: bool,
    pub(crate) suites: Option<Vec<SupportedCipherSuite>>,
    pub(crate) protocols: Vec<Vec<u8>>,
    pub(crate) identity: Option<Signed>,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("ca.crt"), certificate.pem()).expect("written");
        Self { folder, root: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).expect("written");
        self.path(name)
    }

    pub(crate) fn sign(&self, change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Signed { certificate: certificate.pem(), der: certificate.der().clone(), key }
    }

    /// Writes a new pair, which replaces the one before.
    pub(crate) fn renew(&self) -> Signed {
        let signed = self.sign(|_| {});
        for (name, text) in [("s.crt", &signed.certificate), ("s.key", &signed.key.serialize_pem())]
        {
            let fresh = self.write("fresh", text);
            fs::rename(fresh, self.path(name)).expect("renamed");
        }
        signed
    }

    pub(crate) fn options(&self) -> Options {
        self.renew();
        Options::new(self.path("s.crt"), self.path("s.key"))
    }

    pub(crate) fn config(&self, client: Client) -> ClientConfig {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites = client.suites.unwrap_or(provider.cipher_suites);
        let versions = if client.only12 { vec![&TLS12] } else { vec![&TLS13, &TLS12] };
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("an authority");
        let provider: Arc<CryptoProvider> = provider.into();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match client.identity {
            Some(Signed { der, key, .. }) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
                builder.with_client_auth_cert(vec![der], key).expect("an identity")
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = client.protocols;
        config
    }

    /// Shakes hands with a server of these options.
    pub(crate) async fn try_with(
        &self,
        acceptor: &Acceptor,
        client: Client,
    ) -> io::Result<(TlsStream<TcpStream>, wharf_tls::Stream)> {
        shake(acceptor, Arc::new(self.config(client))).await
    }
}

/// Shakes hands, and passes a byte each way: with TLS 1.3 a client hears of a refusal only then.
pub(crate) async fn shake(
    acceptor: &Acceptor,
    config: Arc<ClientConfig>,
) -> io::Result<(TlsStream<TcpStream>, wharf_tls::Stream)> {
    let (tcp, served) = tcp().await;
    let name = "localhost".try_into().expect("a name");
    let connector = TlsConnector::from(config);
    let client = async {
        let mut stream = connector.connect(name, tcp).await?;
        stream.write_u8(7).await?;
        assert_eq!(stream.read_u8().await?, 8);
        io::Result::Ok(stream)
    };
    let server = async {
        let mut stream = acceptor.accept(served).await?;
        assert_eq!(stream.read_u8().await?, 7);
        stream.write_u8(8).await?;
        stream.flush().await?;
        io::Result::Ok(stream)
    };
    let both = async { tokio::join!(client, server) };
    let (client, server) = timeout(PATIENCE, both).await.expect("in time");
    // The server's word comes first: the client may only see that the connection has ended.
    let server = server?;
    Ok((client?, server))
}

/// Both ends of a connection.
pub(crate) async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let client =
        TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
    (client, listener.accept().await.expect("accepted").0)
}

pub(crate) fn version(stream: &TlsStream<TcpStream>) -> ProtocolVersion {
    stream.get_ref().1.protocol_version().expect("agreed")
}
