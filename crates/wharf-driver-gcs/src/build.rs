//! The store of `object_store`, from the options.

use std::sync::Arc;

use object_store::{
    Error, Result, RetryConfig, StaticCredentialProvider,
    client::{HttpConnector, ReqwestConnector},
    gcp::{GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder},
};
use wharf_driver_cloud::{Client, Refused, Requests};

use crate::{Credentials, Options};

/// A bucket, and a way to send it requests of our own.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) store: GoogleCloudStorage,
    pub(crate) requests: Requests,
    /// Scheme and host of the service.
    pub(crate) base: String,
    /// Whether requests say who we are.
    pub(crate) signed: bool,
}

/// What `object_store` calls its own errors.
const STORE: &str = "GCS";

const PUBLIC: &str = "https://storage.googleapis.com";

// === impl Bucket ===

impl Bucket {
    /// Nothing is asked of the store yet.
    pub(crate) fn build(options: &Options, retry: RetryConfig) -> Result<Arc<Self>, Refused> {
        let base = options.place().unwrap_or_else(|| PUBLIC.to_owned());
        let plain = base.starts_with("http://");
        let client = Client { plain, ..options.client.clone() }.options()?;
        let builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&options.bucket)
            .with_base_url(&base)
            .with_retry(retry.clone())
            .with_client_options(client.clone());
        // A token is not for everybody who listens.
        let builder = if plain { anonymous(builder) } else { authorized(builder, options) };
        let store = built(builder.build(), options)?;
        let client = built(ReqwestConnector::default().connect(&client), options)?;
        let requests = Requests::new(STORE, client, retry);
        let name = options.bucket.clone();
        Ok(Arc::new(Self { name, store, requests, base, signed: !plain }))
    }
}

fn anonymous(builder: GoogleCloudStorageBuilder) -> GoogleCloudStorageBuilder {
    let nobody = GcpCredential { bearer: String::new() };
    let nobody = Arc::new(StaticCredentialProvider::new(nobody));
    builder.with_credentials(nobody).with_skip_signature(true)
}

fn authorized(builder: GoogleCloudStorageBuilder, options: &Options) -> GoogleCloudStorageBuilder {
    match &options.credentials {
        Credentials::File(file) => {
            builder.with_application_credentials(file.to_string_lossy().into_owned())
        }
        Credentials::Key(json) => builder.with_service_account_key(json),
        Credentials::Default => match options.variable("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(file) => builder.with_application_credentials(file),
            None => builder,
        },
    }
}

/// What is wrong before anything was asked is wrong with the key.
fn built<T>(result: Result<T, Error>, options: &Options) -> Result<T, Refused> {
    let parameter = match &options.credentials {
        Credentials::Key(_) => "credentials",
        _ => "keyfile",
    };
    // What is said of a key that cannot be read may be a part of it.
    result.map_err(|error| {
        let chain = wharf_driver_cloud::Answer::of(&error);
        let text = match &options.credentials {
            Credentials::Key(_) => "this is no key of a service account".to_owned(),
            _ => chain.to_string(),
        };
        Refused::new(parameter, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(credentials: Credentials) -> Refused {
        let options = Options { bucket: "b".into(), credentials, ..Options::default() };
        Bucket::build(&options, wharf_driver_cloud::retry()).expect_err("no credentials")
    }

    #[test]
    fn a_key_that_is_none_is_refused_and_not_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key.json");
        std::fs::write(&file, "{\"private_key\": \"hush\"}").expect("written");
        for (credentials, parameter) in [
            (Credentials::File("/no/such/file".into()), "keyfile"),
            (Credentials::File(file), "keyfile"),
            (Credentials::Key("{\"private_key\": \"hush\"}".into()), "credentials"),
        ] {
            let refused = refused(credentials);
            assert_eq!(refused.parameter, parameter, "{refused}");
            assert!(!refused.problem.contains("hush"), "{refused}");
        }
    }

    #[test]
    fn an_emulator_is_found_by_its_variable_and_not_told_who_we_are() {
        let environment = vec![("STORAGE_EMULATOR_HOST".to_owned(), "localhost:4443".to_owned())];
        let mut options = Options { bucket: "b".into(), environment, ..Options::default() };
        let bucket = Bucket::build(&options, wharf_driver_cloud::retry()).expect("built");
        assert_eq!((bucket.base.as_str(), bucket.signed), ("http://localhost:4443", false));
        options.endpoint = Some("http://localhost:1".into());
        assert_eq!(options.place().as_deref(), Some("http://localhost:1"));
    }
}
