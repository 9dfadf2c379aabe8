//! `auth.oidc` and `auth.certificates` → who knows somebody whom others answer for.

use std::sync::Arc;

use wharf_auth::{
    Authenticate, Certificates, NamedBy,
    oidc::{self, Oidc},
    token::{self, Algorithm},
};
use wharf_config::{Auth, CertificateName, Http};

use super::{
    auth::failure,
    published::{discovered, published},
};
use crate::Error;

/// Those who are asked besides the controller.
pub(crate) fn others(auth: &Auth, http: &Http) -> Result<Vec<Arc<dyn Authenticate>>, Error> {
    let mut others: Vec<Arc<dyn Authenticate>> = Vec::new();
    for issuer in &auth.oidc {
        let oidc = Oidc::open(options(issuer)?).map_err(|error| failure("auth.oidc", error))?;
        others.push(Arc::new(oidc));
    }
    if let Some(name) = auth.certificates {
        let asked = http.tls.as_ref().is_some_and(|tls| !tls.client_cas.is_empty());
        if !asked {
            let problem = "nobody is asked for a certificate without http.tls.clientcas";
            return Err(failure("auth.certificates", problem));
        }
        others.push(Arc::new(Certificates::new(match name {
            CertificateName::CommonName => NamedBy::CommonName,
            CertificateName::Dns => NamedBy::Dns,
            CertificateName::Uri => NamedBy::Uri,
        })));
    }
    Ok(others)
}

fn options(issuer: &wharf_config::Oidc) -> Result<oidc::Options, Error> {
    // Every field is named, so that a new one is not forgotten here.
    let wharf_config::Oidc {
        issuer,
        audiences,
        subject,
        groups,
        prefix,
        jwks,
        jwks_url,
        refresh,
        authorities,
        algorithms,
    } = issuer;
    let key_source = match (jwks, jwks_url) {
        (Some(_), None) => None,
        (_, Some(url)) => Some(published("auth.oidc", url, authorities)?),
        (None, None) => Some(discovered("auth.oidc", issuer, authorities)?),
    };
    let mut options = oidc::Options {
        subject: subject.clone(),
        groups: groups.clone(),
        prefix: prefix.clone(),
        ..oidc::Options::new(issuer, audiences.clone())
    };
    options.token =
        token::Options { key_file: jwks.clone(), key_source, refresh: *refresh, ..options.token };
    if !algorithms.is_empty() {
        let named = algorithms.iter().filter_map(|name| Algorithm::parse(name));
        options.token.algorithms = named.collect();
    }
    Ok(options)
}
