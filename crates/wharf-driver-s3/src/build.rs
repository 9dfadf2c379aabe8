//! The store of `object_store`, from the options.

use std::sync::Arc;

use object_store::{
    Error, Result, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::HttpConnector,
};
use wharf_driver_cloud::{Client, Connector, Refused, Requests, in_full};

use crate::{
    Encryption, Options, credentials,
    crypto::Crypto,
    dressed::{Dress, DressingConnector},
    endpoint::{Endpoint, region},
};

/// A bucket, and a way to send it requests of our own.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) store: AmazonS3,
    /// Signs what clients are sent to.
    pub(crate) redirects: AmazonS3,
    pub(crate) requests: Requests,
    /// Whether the hash of a body is part of its signature.
    pub(crate) signs_bodies: bool,
}

/// What `object_store` calls its own errors.
const STORE: &str = "S3";

// === impl Bucket ===

impl Bucket {
    /// Nothing is asked of the store yet.
    pub(crate) fn build(options: &Options, retry: RetryConfig) -> Result<Arc<Self>, Refused> {
        let endpoint = Endpoint::of(options)?;
        let plain = endpoint.is_plain();
        let connector = Connector::of(plain);
        let client = Client { plain, ..options.client.clone() }.options()?;
        let builder = AmazonS3Builder::new()
            .with_bucket_name(&options.bucket)
            .with_region(region(options)?)
            .with_endpoint(&endpoint.url)
            .with_virtual_hosted_style_request(endpoint.virtual_hosted)
            .with_allow_http(plain)
            // Over TLS the body needs no digest of its own, which would be half of the work.
            .with_unsigned_payload(!plain)
            .with_retry(retry.clone())
            .with_client_options(client.clone())
            .with_http_connector(connector);
        let builder = if plain { builder.with_crypto_provider(Arc::new(Crypto)) } else { builder };
        let builder = encrypted(credentials::apply(builder, options)?, &options.encryption);
        let store = dressed(builder.clone(), connector, options)?;
        let redirects = match Endpoint::of_redirects(options) {
            Some(Endpoint { url, virtual_hosted }) => {
                let builder =
                    builder.with_endpoint(url).with_credentials(store.credentials().clone());
                built(builder.with_virtual_hosted_style_request(virtual_hosted).build())?
            }
            None => store.clone(),
        };
        let client = built(connector.connect(&client))?;
        let requests = Requests::new(STORE, client, retry);
        let name = options.bucket.clone();
        Ok(Arc::new(Self { name, store, redirects, requests, signs_bodies: plain }))
    }
}

/// A store whose new objects have the class and the access that were asked for.
fn dressed(
    builder: AmazonS3Builder,
    connector: Connector,
    options: &Options,
) -> Result<AmazonS3, Refused> {
    let Some(dress) = Dress::of(options)? else { return built(builder.build()) };
    let dress = Arc::new(dress);
    let dressing = DressingConnector { dress: dress.clone(), inner: connector };
    let store = built(builder.with_http_connector(dressing).build())?;
    dress.sign_with(store.credentials().clone());
    Ok(store)
}

fn encrypted(builder: AmazonS3Builder, encryption: &Encryption) -> AmazonS3Builder {
    match encryption {
        Encryption::Bucket => builder,
        Encryption::Store => {
            let kind = "aws_server_side_encryption".parse();
            builder.with_config(kind.expect("this key has a test"), "AES256")
        }
        Encryption::Kms(key) => builder.with_sse_kms_encryption(key),
    }
}

/// What is wrong before anything was asked is wrong with the address, or with the certificates.
fn built<T>(result: Result<T, Error>) -> Result<T, Refused> {
    result.map_err(|error| Refused::new("regionendpoint", in_full(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_encryption_makes_a_store() {
        for encryption in [Encryption::Bucket, Encryption::Store, Encryption::Kms("k".into())] {
            let region = Some("eu-west-1".to_owned());
            let options = Options { bucket: "b".into(), region, encryption, ..Options::default() };
            assert!(Bucket::build(&options, wharf_driver_cloud::retry()).is_ok());
        }
    }
}
