//! `storage.s3`, `storage.azure`, `storage.gcs` → their drivers.

use std::sync::Arc;

use wharf_config::{
    Secret,
    storage::{azure, client::Client as Configured, gcs, s3},
};
use wharf_driver::{Driver, Limited};
use wharf_driver_cloud::{Client, Refused};
use wharf_driver_object::ObjectDriver;

use crate::Error;

/// The same keys below each of these.
macro_rules! keys {
    ($($below:literal: [$($key:literal),* $(,)?]),* $(,)?) => {
        &[$($(concat!($below, ".", $key)),*),*]
    };
}

/// A section of a bucket has two names.
macro_rules! s3_keys {
    ($($key:literal),* $(,)?) => {
        keys!["storage.s3": [$($key),*], "storage.s3aws": [$($key),*]]
    };
}

pub(crate) const S3_KEYS: &[&str] = s3_keys![
    "bucket",
    "region",
    "regionendpoint",
    "redirectendpoint",
    "forcepathstyle",
    "accesskey",
    "secretkey",
    "sessiontoken",
    "accelerate",
    "usedualstack",
    "usefipsendpoint",
    "encrypt",
    "keyid",
    "storageclass",
    "objectacl",
    "secure",
    "multipartcopychunksize",
    "multipartcopymaxconcurrency",
    "multipartcopythresholdsize",
    "rootdirectory",
    "useragent",
    "skipverify",
    "rootcas",
];

pub(crate) const KEYS: &[&str] = keys![
    "storage.azure": [
        "accountname",
        "accountkey",
        "container",
        "credentials.type",
        "credentials.clientid",
        "credentials.tenantid",
        "credentials.secret",
        "realm",
        "serviceurl",
        "retry_delay",
        "rootdirectory",
        "useragent",
        "skipverify",
        "rootcas",
    ],
    "storage.gcs": [
        "bucket",
        "keyfile",
        "credentials",
        "endpoint",
        "maxconcurrency",
        "rootdirectory",
        "useragent",
        "skipverify",
        "rootcas",
    ],
];

/// What the variables begin with that tell who we are, and where.
const VARIABLES: &[&str] = &["AWS_", "AZURE_", "GOOGLE_", "STORAGE_", "IDENTITY_", "MSI_", "HOME"];

pub(crate) async fn s3(bucket: &s3::S3, read_only: bool) -> Result<Arc<dyn Driver>, Error> {
    opened("s3", wharf_driver_s3::open(&s3_options(bucket, read_only)).await)
}

pub(crate) async fn azure(
    container: &azure::Azure,
    read_only: bool,
) -> Result<Arc<dyn Driver>, Error> {
    opened("azure", wharf_driver_azure::open(&azure_options(container, read_only)).await)
}

pub(crate) async fn gcs(bucket: &gcs::Gcs, read_only: bool) -> Result<Arc<dyn Driver>, Error> {
    let driver = opened("gcs", wharf_driver_gcs::open(&gcs_options(bucket, read_only)).await)?;
    Ok(Arc::new(Limited::new(driver, bucket.max_operations as usize)))
}

fn opened(
    driver: &'static str,
    result: Result<ObjectDriver, Refused>,
) -> Result<Arc<dyn Driver>, Error> {
    match result {
        Ok(driver) => Ok(Arc::new(driver)),
        Err(refused) => Err(Error::Refused { driver, refused }),
    }
}

fn s3_options(bucket: &s3::S3, read_only: bool) -> wharf_driver_s3::Options {
    // Every field is named, so that a new one is not forgotten here.
    let s3::S3 {
        bucket,
        region,
        endpoint,
        redirect_endpoint,
        path_style,
        keys,
        accelerate,
        dual_stack,
        fips,
        encryption,
        storage_class,
        acl,
        copy_part_size,
        copy_concurrency,
        copy_threshold,
        client,
    } = bucket;
    let copies = wharf_driver_s3::Copies::default();
    wharf_driver_s3::Options {
        bucket: bucket.clone(),
        region: region.clone(),
        endpoint: endpoint.clone(),
        redirect_endpoint: redirect_endpoint.clone(),
        path_style: *path_style,
        keys: keys.as_ref().map(s3_keys),
        accelerate: *accelerate,
        dual_stack: *dual_stack,
        fips: *fips,
        encryption: match encryption {
            s3::Encryption::Default => wharf_driver_s3::Encryption::Bucket,
            s3::Encryption::Store => wharf_driver_s3::Encryption::Store,
            s3::Encryption::Kms(key) => wharf_driver_s3::Encryption::Kms(key.clone()),
        },
        storage_class: *storage_class,
        acl: *acl,
        copies: wharf_driver_s3::Copies {
            threshold: copy_threshold.unwrap_or(copies.threshold),
            part: copy_part_size.unwrap_or(copies.part),
            concurrency: copy_concurrency.map_or(copies.concurrency, |number| number as usize),
        },
        client: talking(client),
        root: client.root.clone(),
        read_only,
        environment: environment(),
    }
}

fn s3_keys(keys: &s3::Keys) -> wharf_driver_s3::Keys {
    let s3::Keys { access, secret, session_token } = keys;
    wharf_driver_s3::Keys {
        access: access.clone(),
        secret: secret.reveal().to_owned(),
        session_token: session_token.as_ref().map(|token| token.reveal().to_owned()),
    }
}

fn azure_options(container: &azure::Azure, read_only: bool) -> wharf_driver_azure::Options {
    use azure::Credentials::{ClientSecret, Default, SharedKey};

    let azure::Azure { account, container, credentials, service_url, copy_poll_delay, client } =
        container;
    wharf_driver_azure::Options {
        account: account.clone(),
        container: container.clone(),
        service_url: service_url.clone(),
        credentials: match credentials {
            SharedKey(key) => wharf_driver_azure::Credentials::SharedKey(key.reveal().to_owned()),
            ClientSecret { client, tenant, secret } => {
                wharf_driver_azure::Credentials::ClientSecret {
                    client: client.clone(),
                    tenant: tenant.clone(),
                    secret: secret.reveal().to_owned(),
                }
            }
            Default => wharf_driver_azure::Credentials::Default,
        },
        copy_poll_delay: *copy_poll_delay,
        client: talking(client),
        root: client.root.clone(),
        read_only,
        environment: environment(),
    }
}

fn gcs_options(bucket: &gcs::Gcs, read_only: bool) -> wharf_driver_gcs::Options {
    let gcs::Gcs { bucket, credentials, endpoint, max_operations: _, client } = bucket;
    wharf_driver_gcs::Options {
        bucket: bucket.clone(),
        credentials: match credentials {
            gcs::Credentials::File(file) => wharf_driver_gcs::Credentials::File(file.clone()),
            gcs::Credentials::Key(entries) => wharf_driver_gcs::Credentials::Key(json(entries)),
            gcs::Credentials::Default => wharf_driver_gcs::Credentials::Default,
        },
        endpoint: endpoint.clone(),
        client: talking(client),
        root: client.root.clone(),
        read_only,
        environment: environment(),
    }
}

/// The entries of a key as the file that they are taken from.
fn json(entries: &[(String, Secret)]) -> String {
    let entries = entries.iter().map(|(name, value)| (name.clone(), value.reveal().into()));
    serde_json::Value::Object(entries.collect()).to_string()
}

fn talking(client: &Configured) -> Client {
    let Configured { root: _, user_agent, skip_verify, root_cas } = client;
    Client {
        user_agent: user_agent.clone(),
        skip_verify: *skip_verify,
        root_cas: root_cas.clone(),
        ..Client::default()
    }
}

fn environment() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let known =
        |(name, _): &(String, String)| VARIABLES.iter().any(|start| name.starts_with(start));
    std::env::vars_os().filter_map(text).filter(known).collect()
}

#[cfg(test)]
mod tests {
    use wharf_config::{Configuration, Driver as Chosen};

    use super::*;

    fn chosen(section: &str) -> Chosen {
        let text = format!("version: 0.1\nstorage:\n  {section}\n");
        Configuration::load(&text, "c.yml", []).expect("valid").configuration.storage.driver
    }

    #[test]
    fn what_is_configured_reaches_the_driver() {
        let section = "s3: {bucket: b, region: r, accesskey: A, secretkey: S, encrypt: true, \
                       keyid: k, multipartcopymaxconcurrency: 3, rootdirectory: /x, rootcas: [/c]}";
        let Chosen::S3(s3) = chosen(section) else { panic!("another driver") };
        let options = s3_options(&s3, true);
        assert_eq!((options.bucket.as_str(), options.root.as_str()), ("b", "x"));
        assert_eq!(options.keys.expect("keys").secret, "S");
        assert_eq!(options.encryption, wharf_driver_s3::Encryption::Kms("k".into()));
        assert_eq!(options.copies.concurrency, 3);
        assert!(options.read_only && options.client.root_cas.len() == 1);
    }

    #[test]
    fn the_entries_of_a_key_become_its_file() {
        let section =
            "gcs: {bucket: b, credentials: {type: service_account, private_key: \"a\\nb\"}}";
        let Chosen::Gcs(gcs) = chosen(section) else { panic!("another driver") };
        let wharf_driver_gcs::Credentials::Key(json) = gcs_options(&gcs, false).credentials else {
            panic!("another kind");
        };
        assert_eq!(json, r#"{"private_key":"a\nb","type":"service_account"}"#);
    }
}
