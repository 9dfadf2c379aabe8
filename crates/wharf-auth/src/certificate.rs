//! Client certificates: whom they name.

use async_trait::async_trait;
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use wharf_certificate::Certificate;

use crate::{Authenticate, Credentials, Identity, Presented, Rejection, identity::is_name};

/// Knows whom a client's certificate names. That it is one of a trusted authority, the handshake has
/// checked. Its organisations are groups.
#[derive(Clone, Copy, Debug)]
pub struct Certificates {
    named_by: NamedBy,
}

/// What in a certificate names its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamedBy {
    /// The common name of its subject.
    #[default]
    CommonName,
    /// Its only DNS name.
    Dns,
    /// Its only URI, such as that of SPIFFE.
    Uri,
}

// === impl Certificates ===

impl Certificates {
    /// Names owners by this.
    pub fn new(named_by: NamedBy) -> Self {
        Self { named_by }
    }

    fn identify(self, certificate: &[u8]) -> Result<Identity, Rejection> {
        let wrong =
            |problem: &str| Rejection::Invalid(format!("the client's certificate {problem}"));
        let parsed = Certificate::parse(certificate);
        let subject = parsed.and_then(|it| it.subject()).ok_or_else(|| wrong("cannot be read"))?;
        let names = match self.named_by {
            NamedBy::CommonName => subject.common_names,
            NamedBy::Dns => {
                alternatives(certificate, |it| it.valid_dns_names().map(str::to_owned).collect())
            }
            NamedBy::Uri => {
                alternatives(certificate, |it| it.valid_uri_names().map(str::to_owned).collect())
            }
        };
        let [name] = &names[..] else {
            return Err(wrong("has to have exactly one name"));
        };
        if !is_name(name) {
            return Err(wrong("has a name that is none"));
        }
        Ok(Identity::named(name.as_str()).in_groups(&subject.organisations))
    }
}

#[async_trait]
impl Authenticate for Certificates {
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>> {
        // What stands in a header says more about this request.
        match (presented.credentials, presented.certificate) {
            (Credentials::None, Some(certificate)) => Some(self.identify(certificate)),
            _ => None,
        }
    }
}

fn alternatives(
    certificate: &[u8],
    names: impl FnOnce(&EndEntityCert<'_>) -> Vec<String>,
) -> Vec<String> {
    let certificate = CertificateDer::from(certificate);
    EndEntityCert::try_from(&certificate).map(|it| names(&it)).unwrap_or_default()
}
