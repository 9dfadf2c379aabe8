//! Keys that others publish, fetched by a client that goes nowhere else.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use http::{Request, StatusCode, Uri};
use serde_json::Value;
use wharf_auth::token::KeySource;
use wharf_outbound::{Client, Options, Reach};

use super::auth::failure;
use crate::Error;

/// A JWK set at a URL.
struct Published {
    client: Client,
    url: Uri,
}

/// A JWK set at the URL that an issuer names (OpenID Connect Discovery 1.0).
struct Discovered {
    client: Client,
    issuer: String,
    document: Uri,
}

/// The set at a URL. The operator has named the server, so that it may be anywhere; where it redirects
/// to may not.
pub(crate) fn published(
    section: &'static str,
    url: &str,
    authorities: &[PathBuf],
) -> Result<Arc<dyn KeySource>, Error> {
    let (url, client) = client(section, url, url, authorities)?;
    Ok(Arc::new(Published { client, url }))
}

/// The set of an issuer. It may name another server for it, if that is no private one.
pub(crate) fn discovered(
    section: &'static str,
    issuer: &str,
    authorities: &[PathBuf],
) -> Result<Arc<dyn KeySource>, Error> {
    let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let (document, client) = client(section, &document, issuer, authorities)?;
    Ok(Arc::new(Discovered { client, issuer: issuer.to_owned(), document }))
}

fn client(
    section: &'static str,
    url: &str,
    named: &str,
    authorities: &[PathBuf],
) -> Result<(Uri, Client), Error> {
    let wrong = |problem: String| failure(section, problem);
    let url: Uri = url.parse().map_err(|error| wrong(format!("{named}: {error}")))?;
    let client = Client::new(Options {
        reach: Reach::public().and_server(&url),
        authorities: authorities.to_vec(),
        ..Options::default()
    });
    Ok((url, client.map_err(|error| wrong(error.to_string()))?))
}

async fn get(client: &Client, url: &Uri) -> Result<Vec<u8>, String> {
    let request = Request::get(url).header("accept", "application/json");
    let request = request.body(Default::default()).map_err(|error| error.to_string())?;
    let answer = client.send(request).await.map_err(|error| error.to_string())?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body().to_vec()),
        status => Err(format!("{} answers {status}", url.host().unwrap_or_default())),
    }
}

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        get(&self.client, &self.url).await
    }
}

// === impl Discovered ===

impl Discovered {
    /// Where the document says that the keys are.
    fn keys(&self, document: &[u8]) -> Result<Uri, String> {
        let document: Value = serde_json::from_slice(document)
            .map_err(|_| format!("{} is no JSON", self.document))?;
        let text = |name: &str| document[name].as_str().unwrap_or_default();
        // A document about somebody else says nothing about this issuer.
        if text("issuer") != self.issuer {
            return Err(format!("{} is about another issuer", self.document));
        }
        let keys: Uri =
            text("jwks_uri").parse().map_err(|_| format!("{} names no keys", self.document))?;
        let plain = self.document.scheme_str() == Some("http");
        match keys.scheme_str() {
            Some("https") => Ok(keys),
            Some("http") if plain => Ok(keys),
            _ => Err(format!("{} names keys that are not at https", self.document)),
        }
    }
}

#[async_trait]
impl KeySource for Discovered {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let keys = self.keys(&get(&self.client, &self.document).await?)?;
        get(&self.client, &keys).await
    }
}
