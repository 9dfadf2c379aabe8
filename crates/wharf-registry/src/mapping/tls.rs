//! `http.tls`: from its keys to the handshake of every connection.

use std::{io, time::Duration};

use tokio::net::TcpStream;
use wharf_config::{ClientAuth, Tls, TlsVersion};
use wharf_http::Handshake;
use wharf_tls::{Acceptor, Clients, Demand, Options, Stream, Version};

pub(crate) const KEYS: &[&str] = &[
    "http.tls.certificate",
    "http.tls.key",
    "http.tls.clientcas",
    "http.tls.clientauth",
    "http.tls.minimumtls",
    "http.tls.ciphersuites",
];

/// How often is looked whether certificate and key were replaced on disk.
pub(crate) const RENEWAL: Duration = Duration::from_secs(10);

/// Joins the acceptor with the surface, which do not know of each other.
pub(crate) struct Secured(pub(crate) Acceptor);

/// The options of an acceptor, of which HTTP/2 is spoken if the surface does.
pub(crate) fn options(tls: &Tls, http2: bool) -> Options {
    // Every field is named, so that a new one is not forgotten here.
    let Tls { certificate, key, lets_encrypt, minimum, cipher_suites, client_cas, client_auth } =
        tls;
    let clients = Clients {
        authorities: client_cas.clone(),
        demand: match client_auth {
            ClientAuth::VerifyIfGiven => Demand::IfGiven,
            ClientAuth::RequireAndVerify => Demand::Always,
        },
    };
    Options {
        certificate: certificate.clone(),
        key: key.clone(),
        awaited: lets_encrypt.is_some(),
        minimum: match minimum {
            TlsVersion::Tls12 => Version::Tls12,
            TlsVersion::Tls13 => Version::Tls13,
        },
        suites: cipher_suites.clone(),
        clients: (!client_cas.is_empty()).then_some(clients),
        http2,
    }
}

// === impl Secured ===

impl Handshake for Secured {
    type Stream = Stream;

    async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        self.0.accept(stream).await
    }

    fn client_certificate(stream: &Stream) -> Option<&[u8]> {
        stream.client_certificate()
    }
}
