//! Where the bucket is.

use wharf_driver_cloud::Refused;

use crate::Options;

/// Where requests go, and whether the name of the bucket is in the host already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) virtual_hosted: bool,
}

/// Where Amazon itself would be asked, in case of doubt.
const DEFAULT_REGION: &str = "us-east-1";

/// The end of the name of a directory bucket.
const DIRECTORY: &str = "--x-s3";

// === impl Endpoint ===

impl Endpoint {
    /// Of requests that we make.
    pub(crate) fn of(options: &Options) -> Result<Self, Refused> {
        if options.bucket.ends_with(DIRECTORY) {
            return Err(Refused::new(
                "bucket",
                "directory buckets list what they hold in no order, which a registry cannot do with",
            ));
        }
        let region = region(options)?;
        let url = match &options.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => amazon(options, &region),
        };
        Ok(Self::at(&url, options))
    }

    /// Of requests that clients make, if it is another one.
    pub(crate) fn of_redirects(options: &Options) -> Option<Self> {
        options.redirect_endpoint.as_ref().map(|endpoint| Self::at(endpoint, options))
    }

    fn at(url: &str, options: &Options) -> Self {
        let path_style = !options.accelerate && (options.path_style || !is_host_name(options, url));
        match url.split_once("://") {
            Some((scheme, host)) if !path_style => {
                Self { url: format!("{scheme}://{}.{host}", options.bucket), virtual_hosted: true }
            }
            _ => Self { url: url.to_owned(), virtual_hosted: false },
        }
    }

    /// Whether anybody on the way may read along.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.starts_with("http://")
    }
}

/// The configured region, or that of the environment. Where the service is not Amazon's, a region is
/// only part of a signature.
pub(crate) fn region(options: &Options) -> Result<String, Refused> {
    let own = options.region.as_deref();
    let found = own.or_else(|| options.variable("AWS_REGION"));
    let found = found.or_else(|| options.variable("AWS_DEFAULT_REGION"));
    match (found, &options.endpoint) {
        (Some(region), _) => Ok(region.to_owned()),
        (None, Some(_)) => Ok(DEFAULT_REGION.to_owned()),
        (None, None) => Err(Refused::new("region", "is missing, and AWS_REGION is not set either")),
    }
}

fn amazon(options: &Options, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let host = match (options.accelerate, options.fips, options.dual_stack) {
        (true, _, false) => "s3-accelerate".to_owned(),
        (true, _, true) => "s3-accelerate.dualstack".to_owned(),
        (false, false, false) => format!("s3.{region}"),
        (false, false, true) => format!("s3.dualstack.{region}"),
        (false, true, false) => format!("s3-fips.{region}"),
        (false, true, true) => format!("s3-fips.dualstack.{region}"),
    };
    format!("https://{host}.{domain}")
}

/// Whether a bucket's name can stand in the name of a host. A certificate for `*.example.com` is none
/// for `a.b.example.com`.
fn is_host_name(options: &Options, url: &str) -> bool {
    let dots = options.bucket.contains('.') && url.starts_with("https://");
    let well_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = options.bucket.bytes();
    !dots && bytes.into_iter().all(|byte| well_formed(byte) || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(bucket: &str, region: &str) -> Options {
        Options { bucket: bucket.into(), region: Some(region.into()), ..Options::default() }
    }

    #[test]
    fn amazon_is_where_its_parameters_say() {
        let plain = options("b", "eu-west-1");
        let path = Options { path_style: true, ..plain.clone() };
        let accelerated = Options { accelerate: true, ..plain.clone() };
        let both = Options { dual_stack: true, fips: true, ..plain.clone() };
        for (options, url) in [
            (plain, "https://b.s3.eu-west-1.amazonaws.com"),
            (path, "https://s3.eu-west-1.amazonaws.com"),
            (accelerated, "https://b.s3-accelerate.amazonaws.com"),
            (both, "https://b.s3-fips.dualstack.eu-west-1.amazonaws.com"),
            (options("b", "cn-north-1"), "https://b.s3.cn-north-1.amazonaws.com.cn"),
            (options("b.c", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com"),
            (options("Old_Bucket", "us-east-1"), "https://s3.us-east-1.amazonaws.com"),
        ] {
            assert_eq!(Endpoint::of(&options).expect("valid").url, url);
        }
    }

    #[test]
    fn another_service_needs_no_region() {
        let endpoint = Some("http://minio:9000".to_owned());
        let path = Options { bucket: "b".into(), endpoint, path_style: true, ..Options::default() };
        let found = Endpoint::of(&path).expect("valid");
        assert!(found.url == "http://minio:9000" && !found.virtual_hosted && found.is_plain());
        let hosted = Endpoint::of(&Options { path_style: false, ..path }).expect("valid");
        assert!(hosted.url == "http://b.minio:9000" && hosted.virtual_hosted);
    }

    #[test]
    fn a_region_comes_from_the_environment_or_is_missing() {
        let mut options = Options { bucket: "b".into(), ..Options::default() };
        assert_eq!(region(&options).expect_err("none").parameter, "region");
        options.environment.push(("AWS_DEFAULT_REGION".into(), "sa-east-1".into()));
        assert_eq!(region(&options).as_deref(), Ok("sa-east-1"));
    }

    #[test]
    fn a_directory_bucket_is_refused() {
        let refused =
            Endpoint::of(&options("a--usw2-az1--x-s3", "us-west-2")).expect_err("no order");
        assert_eq!(refused.parameter, "bucket");
    }
}
