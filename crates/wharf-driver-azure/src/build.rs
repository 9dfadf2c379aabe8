//! The store of `object_store`, from the options.

use std::{sync::Arc, time::Duration};

use object_store::{
    Error, Result, RetryConfig,
    azure::{AzureConfigKey as Key, MicrosoftAzure, MicrosoftAzureBuilder},
    client::{HttpConnector, ReqwestConnector},
};
use wharf_driver_cloud::{Client, Refused, Requests, in_full};

use crate::{Credentials, Options};

/// A container, and a way to send it requests of our own.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) store: MicrosoftAzure,
    pub(crate) requests: Requests,
    pub(crate) copy_poll_delay: Duration,
}

/// What `object_store` calls its own errors.
const STORE: &str = "MicrosoftAzure";

/// The variables that Azure's tools read.
const VARIABLES: &[(&str, Key)] = &[
    ("AZURE_TENANT_ID", Key::AuthorityId),
    ("AZURE_CLIENT_ID", Key::ClientId),
    ("AZURE_CLIENT_SECRET", Key::ClientSecret),
    ("AZURE_AUTHORITY_HOST", Key::AuthorityHost),
    ("AZURE_FEDERATED_TOKEN_FILE", Key::FederatedTokenFile),
    ("IDENTITY_ENDPOINT", Key::MsiEndpoint),
    ("MSI_ENDPOINT", Key::MsiEndpoint),
];

// === impl Container ===

impl Container {
    /// Nothing is asked of the store yet.
    pub(crate) fn build(options: &Options, retry: RetryConfig) -> Result<Arc<Self>, Refused> {
        let plain = options.service_url.starts_with("http://");
        let client = Client { plain, ..options.client.clone() }.options()?;
        let builder = MicrosoftAzureBuilder::new()
            .with_account(&options.account)
            .with_container_name(&options.container)
            .with_endpoint(options.service_url.clone())
            .with_allow_http(plain)
            .with_retry(retry.clone())
            .with_client_options(client.clone());
        let store = built(authorized(builder, options).build(), options)?;
        let client = built(ReqwestConnector::default().connect(&client), options)?;
        Ok(Arc::new(Self {
            store,
            requests: Requests::new(STORE, client, retry),
            copy_poll_delay: options.copy_poll_delay,
        }))
    }
}

fn authorized(builder: MicrosoftAzureBuilder, options: &Options) -> MicrosoftAzureBuilder {
    let authority = |builder: MicrosoftAzureBuilder| match options.variable("AZURE_AUTHORITY_HOST")
    {
        Some(host) => builder.with_authority_host(host),
        None => builder,
    };
    match &options.credentials {
        Credentials::SharedKey(key) => {
            builder.with_access_key(key).with_credential_type("access_key")
        }
        Credentials::ClientSecret { client, tenant, secret } => authority(builder)
            .with_client_secret_authorization(client, secret, tenant)
            .with_credential_type("client_secret"),
        Credentials::Default => {
            VARIABLES.iter().fold(builder, |builder, (name, key)| match options.variable(name) {
                Some(value) => builder.with_config(*key, value),
                None => builder,
            })
        }
    }
}

/// What is wrong before anything was asked is wrong with the key, or with the address.
fn built<T>(result: Result<T, Error>, options: &Options) -> Result<T, Refused> {
    let parameter = match &options.credentials {
        Credentials::SharedKey(_) => "accountkey",
        _ => "serviceurl",
    };
    result.map_err(|error| Refused::new(parameter, in_full(&error)).without(options.secrets()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(credentials: Credentials) -> Options {
        let service_url = "https://a.blob.core.windows.net".to_owned();
        let (account, container) = ("a".to_owned(), "c".to_owned());
        Options { account, container, service_url, credentials, ..Options::default() }
    }

    #[test]
    fn every_kind_of_credentials_makes_a_store() {
        let client_secret = Credentials::ClientSecret {
            client: "i".into(),
            tenant: "t".into(),
            secret: "s".into(),
        };
        let key = Credentials::SharedKey("aHVzaA==".into());
        for credentials in [key, client_secret, Credentials::Default] {
            let retry = wharf_driver_cloud::retry();
            assert!(Container::build(&options(credentials), retry).is_ok());
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_and_not_told() {
        let wrong = options(Credentials::SharedKey("hush!".into()));
        let refused = Container::build(&wrong, wharf_driver_cloud::retry()).expect_err("no key");
        assert_eq!(refused.parameter, "accountkey");
        assert!(!refused.problem.contains("hush"), "{refused}");
    }
}
