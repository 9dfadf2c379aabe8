//! `tls-alpn-01` (RFC 8737): an authority asks for a certificate that only the server of a host can show.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{Error, acceptor::setup};

/// What authorities are shown, by host.
#[derive(Debug)]
pub(crate) struct Challenges {
    provider: Arc<CryptoProvider>,
    shown: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

/// What an authority wants to speak; nothing is said in it.
const PROTOCOL: &[u8] = b"acme-tls/1";

// === impl Challenges ===

impl Challenges {
    pub(crate) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, shown: Mutex::default() }
    }

    pub(crate) fn show(&self, host: &str, certificate: Vec<u8>, key: Vec<u8>) -> Result<(), Error> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
        let key = self.provider.key_provider.load_private_key(key).map_err(setup)?;
        let pair = CertifiedKey::new(vec![CertificateDer::from(certificate)], key);
        self.lock().insert(host.to_ascii_lowercase(), Arc::new(pair));
        Ok(())
    }

    pub(crate) fn end(&self, host: &str) {
        self.lock().remove(&host.to_ascii_lowercase());
    }

    /// How an authority is answered, if this is one.
    pub(crate) fn config(
        self: &Arc<Self>,
        hello: &ClientHello<'_>,
    ) -> Result<Option<Arc<ServerConfig>>, Error> {
        let mut asked = hello.alpn().into_iter().flatten();
        if asked.next() != Some(PROTOCOL) || asked.next().is_some() {
            return Ok(None);
        }
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(setup)?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Some(Arc::new(config)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<CertifiedKey>>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.lock().get(&hello.server_name()?.to_ascii_lowercase()).cloned()
    }
}
