//! `middleware.storage` → what sends clients elsewhere.

use std::sync::Arc;

use wharf_config::{CloudFront, Configuration, StorageMiddleware};
use wharf_driver::Driver;
use wharf_middleware::{Guide, Way};

use crate::Error;

pub(crate) const KEYS: &[&str] = &["middleware.storage"];

/// The driver in all of them, the first one innermost.
pub(crate) fn wrap(
    driver: Arc<dyn Driver>,
    configuration: &Configuration,
) -> Result<Arc<dyn Driver>, Error> {
    configuration.storage_middleware.iter().enumerate().try_fold(driver, |driver, (number, one)| {
        let way = way(one, configuration).map_err(|problem| Error::Middleware {
            key: format!("storage.{number}.{}", problem.key),
            problem: problem.text,
        })?;
        Ok(Arc::new(Guide::new(driver, way)) as Arc<dyn Driver>)
    })
}

/// What is wrong with one of them.
struct Problem {
    key: &'static str,
    text: String,
}

fn way(middleware: &StorageMiddleware, configuration: &Configuration) -> Result<Way, Problem> {
    match middleware {
        StorageMiddleware::Redirect { base } => Ok(Way::Base(base.clone())),
        StorageMiddleware::Rewrite { scheme, host, trim_path_prefix } => Ok(Way::Rewritten {
            scheme: scheme.clone(),
            host: host.clone(),
            trim_path_prefix: trim_path_prefix.clone(),
        }),
        StorageMiddleware::CloudFront(chosen) => cloudfront(chosen, configuration),
    }
}

#[cfg(not(feature = "cloudfront"))]
fn cloudfront(_: &CloudFront, _: &Configuration) -> Result<Way, Problem> {
    let text = "this program was built without the feature cloudfront".to_owned();
    Err(Problem { key: "name", text })
}

/// The distribution serves a bucket, in which everything may lie in a folder.
#[cfg(feature = "cloudfront")]
fn cloudfront(chosen: &CloudFront, configuration: &Configuration) -> Result<Way, Problem> {
    let wharf_config::Driver::S3(bucket) = &configuration.storage.driver else {
        let text = "cloudfront serves a bucket of S3, and the storage is none".to_owned();
        return Err(Problem { key: "name", text });
    };
    let wrong = |error: &dyn std::fmt::Display| {
        let text = format!("{}: {error}", chosen.private_key.display());
        Problem { key: "options.privatekey", text }
    };
    let pem = std::fs::read_to_string(&chosen.private_key).map_err(|error| wrong(&error))?;
    let (folder, key) = (&bucket.client.root, chosen.key_pair_id.clone());
    let slash = if folder.is_empty() { "" } else { "/" };
    let base = format!("{}{slash}{folder}", chosen.base);
    let made = wharf_middleware::CloudFront::new(base, key, &pem, chosen.duration);
    Ok(Way::CloudFront(Arc::new(made.map_err(|error| wrong(&error))?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "baseurl: d1.cloudfront.net, keypairid: K1";

    fn problem(storage: &str, key: &str) -> String {
        let text = format!(
            "version: 0.1\nstorage: {{{storage}}}\nmiddleware: {{storage: [{{name: cloudfront, \
             options: {{{OPTIONS}, privatekey: {key}}}}}]}}\n"
        );
        let configuration = Configuration::load(&text, "c.yml", []).expect("valid").configuration;
        let driver = Arc::new(wharf_driver::MemoryDriver::new());
        let wrapped = wrap(driver, &configuration);
        wrapped.map_or_else(|error| error.to_string(), |driver| format!("{driver:?}"))
    }

    const S3: &str = "s3: {bucket: b, region: r, rootdirectory: /x/y}";

    #[test]
    #[cfg(feature = "cloudfront")]
    fn cloudfront_has_the_folder_of_a_bucket_in_its_urls() {
        let key = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../wharf-middleware/tests/cloudfront/private.pem"
        );
        let made = problem(S3, key);
        assert!(made.contains("CloudFront(https://d1.cloudfront.net/x/y, K1, …)"), "{made}");
        let none = "middleware.storage.0.name: cloudfront serves a bucket of S3";
        assert!(problem("inmemory: {}", key).starts_with(none));
        let missing = problem(S3, "/no/such.pem");
        let expected = "middleware.storage.0.options.privatekey: /no/such.pem: No such file";
        assert!(missing.starts_with(expected), "{missing}");
        let no_key = problem(S3, concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        assert!(no_key.ends_with("Cargo.toml: it is no RSA key in PEM"), "{no_key}");
    }

    #[test]
    #[cfg(not(feature = "cloudfront"))]
    fn a_build_without_cloudfront_says_so() {
        let said = problem(S3, "/k.pem");
        assert!(said.contains("was built without the feature cloudfront"), "{said}");
    }
}
