//! `rootcertbundle`: certificates of authorities, or of token servers themselves.

use std::{collections::HashSet, path::Path, time::SystemTime};

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject as _};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    anchor_from_trusted_cert,
};

use super::key::{Key, libtrust_id};

/// Certificates that are trusted.
pub(crate) struct Bundle {
    anchors: Vec<TrustAnchor<'static>>,
    /// In DER.
    certificates: HashSet<Vec<u8>>,
    /// Their keys, each under its thumbprint and under its id by libtrust.
    pub(crate) keys: Vec<(String, Key)>,
}

/// Takes certificates for any purpose: that of signing tokens has no name.
struct AnyPurpose;

// === impl Bundle ===

impl Bundle {
    /// Reads a PEM file, which has to hold certificates; the error names it.
    pub(crate) fn read(path: &Path, content: &[u8]) -> Result<Self, String> {
        let wrong = |problem: String| format!("{}: {problem}", path.display());
        let mut bundle =
            Self { anchors: Vec::new(), certificates: HashSet::new(), keys: Vec::new() };
        for (certificate, number) in CertificateDer::pem_slice_iter(content).zip(1..) {
            let wrong = |problem: String| wrong(format!("certificate {number}: {problem}"));
            let certificate = certificate.map_err(|_| wrong("it is no PEM".to_owned()))?;
            bundle.add(&certificate).map_err(wrong)?;
        }
        if bundle.certificates.is_empty() {
            return Err(wrong("there is no certificate in it".to_owned()));
        }
        Ok(bundle)
    }

    fn add(&mut self, certificate: &CertificateDer<'_>) -> Result<(), String> {
        let key = Key::of_certificate(certificate)?;
        self.keys.push((key.thumbprint(), key.clone()));
        self.keys.extend(libtrust_id(certificate).map(|id| (id, key)));
        // One that can be no authority still is the certificate of a token server.
        if let Ok(anchor) = anchor_from_trusted_cert(certificate) {
            self.anchors.push(anchor.to_owned());
        }
        self.certificates.insert(certificate.to_vec());
        Ok(())
    }

    /// The key of the first certificate, if that one is trusted: because it stands in the bundle
    /// itself, or because the others lead from it to one that does.
    pub(crate) fn leaf(&self, chain: &[Vec<u8>], now: SystemTime) -> Result<Key, String> {
        let [leaf, rest @ ..] = chain else { return Err("there is no certificate".to_owned()) };
        if !self.certificates.contains(leaf) {
            self.check(leaf, rest, now)?;
        }
        Key::of_certificate(leaf)
            .map_err(|problem| format!("the certificate of the token: {problem}"))
    }

    fn check(&self, leaf: &[u8], rest: &[Vec<u8>], now: SystemTime) -> Result<(), String> {
        let wrong = |error| format!("the certificate of the token is not trusted: {error}");
        let leaf = CertificateDer::from(leaf);
        let leaf = EndEntityCert::try_from(&leaf).map_err(wrong)?;
        let rest: Vec<_> = rest.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &self.anchors,
            &rest,
            UnixTime::since_unix_epoch(since),
            AnyPurpose,
            None,
            None,
        )
        .map(drop)
        .map_err(wrong)
    }
}

// === impl AnyPurpose ===

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}
