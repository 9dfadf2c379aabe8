//! `middleware`: what stands between the registry and its storage.

use std::{path::PathBuf, time::Duration};

use crate::{
    ConfigError,
    schema::{Shape, flag, path, section, text, time, url, word},
    section::{Found, Scalar, Section},
};

/// Where clients are sent to for blobs, instead of where the store says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageMiddleware {
    /// `redirect`: below this URL, which has no slash at its end.
    Redirect {
        /// `baseurl`, with `basepath` below it.
        base: String,
    },
    /// `rewrite`: to the URL of the store, of which these parts are replaced.
    Rewrite {
        /// `scheme`.
        scheme: Option<String>,
        /// `host`.
        host: Option<String>,
        /// `trimpathprefix`.
        trim_path_prefix: Option<String>,
    },
    /// `cloudfront`: to a distribution of Amazon's, by a URL that we sign.
    CloudFront(CloudFront),
}

/// A distribution of Amazon CloudFront, and the key that it knows us by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudFront {
    /// `baseurl`, without a slash at its end.
    pub base: String,
    /// `privatekey`: the file of the key.
    pub private_key: PathBuf,
    /// `keypairid`: what the distribution calls it.
    pub key_pair_id: String,
    /// `duration`: how long a URL is good for.
    pub duration: Duration,
}

/// The keys of an item of `middleware.storage`.
pub(crate) const STORAGE: Shape = Shape::List(&Shape::Section(&[
    word("name", &["cloudfront", "redirect", "rewrite"], "Which one; it has to be there."),
    flag("disabled", "It is not there."),
    section(
        "options",
        &[
            url("baseurl", "`redirect`, `cloudfront`: where clients are sent to."),
            text("basepath", "`redirect`: the path below that."),
            word("scheme", &["http", "https"], "`rewrite`: the scheme of the URL."),
            text("host", "`rewrite`: the host of the URL."),
            text("trimpathprefix", "`rewrite`: what is cut off the path of the URL."),
            path("privatekey", "`cloudfront`: the key that URLs are signed with, RSA in PEM."),
            text("keypairid", "`cloudfront`: what the distribution calls that key."),
            time("duration", "`cloudfront`: how long a URL is good for.").or("20m"),
            word("ipfilteredby", &["none"], "`cloudfront`: who is sent to the bucket itself.")
                .or("none"),
            text("awsregion", "`cloudfront`: for the filter by region.").ignored(NO_FILTER),
            time("updatefrequency", "`cloudfront`: for a filter.").ignored(NO_FILTER),
            time("updatefrenquency", "`cloudfront`: the same, as it was once written.")
                .ignored(NO_FILTER),
            url("iprangesurl", "`cloudfront`: for a filter.").ignored(NO_FILTER),
        ],
    )
    .doc("What it needs."),
]));

const NO_FILTER: &str = "clients are not told apart by their addresses yet";

/// How long a URL is good for if nobody says.
const DURATION: Duration = Duration::from_secs(20 * 60);

struct Url(String);
/// The same, of `https` where no scheme is given.
struct Base(String);
/// `none`.
struct NoFilter;
struct Scheme(String);
struct Host(String);

// === impl StorageMiddleware ===

impl StorageMiddleware {
    /// All that are not disabled, the innermost first.
    pub(crate) fn read_all(root: &Section<'_>) -> Result<Vec<Self>, ConfigError> {
        let items = root.section("middleware")?.items("storage")?;
        let read = items.iter().map(Self::read).collect::<Result<Vec<_>, _>>()?;
        Ok(read.into_iter().flatten().collect())
    }

    fn read(item: &Found<'_>) -> Result<Option<Self>, ConfigError> {
        let item = item.section()?;
        let Some(name) = item.find("name") else { return Err(item.missing("name")) };
        if item.flag("disabled")? {
            return Ok(None);
        }
        let options = item.section("options")?;
        match name.scalar::<String>()?.as_str() {
            "redirect" => Self::redirect(&options).map(Some),
            "rewrite" => Ok(Some(Self::Rewrite {
                scheme: options.value("scheme")?.map(|Scheme(scheme)| scheme),
                host: options.value("host")?.map(|Host(host)| host),
                trim_path_prefix: options.value("trimpathprefix")?,
            })),
            "cloudfront" => CloudFront::read(&options).map(|it| Some(Self::CloudFront(it))),
            _ => Err(name.error("expected cloudfront, redirect or rewrite")),
        }
    }

    fn redirect(options: &Section<'_>) -> Result<Self, ConfigError> {
        let Some(Url(base)) = options.value("baseurl")? else {
            return Err(options.missing("baseurl"));
        };
        let path: String = options.value_or("basepath", String::new())?;
        let path = path.trim_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        Ok(Self::Redirect { base: format!("{base}{slash}{path}") })
    }
}

// === impl CloudFront ===

impl CloudFront {
    fn read(options: &Section<'_>) -> Result<Self, ConfigError> {
        options.value::<NoFilter>("ipfilteredby")?;
        let Base(base) = options.value("baseurl")?.ok_or_else(|| options.missing("baseurl"))?;
        Ok(Self {
            base,
            private_key: options
                .value("privatekey")?
                .ok_or_else(|| options.missing("privatekey"))?,
            key_pair_id: options.value("keypairid")?.ok_or_else(|| options.missing("keypairid"))?,
            duration: options.value_or("duration", DURATION)?,
        })
    }
}

// === impl Scalar ===

impl Scalar for Url {
    const EXPECTED: &'static str = "a URL of http or https, without a query";

    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let well_formed = Scheme::read(scheme).is_some()
            && !rest.is_empty()
            && !rest.starts_with('/')
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\".contains(&byte));
        well_formed.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

impl Scalar for Base {
    const EXPECTED: &'static str = Url::EXPECTED;

    fn read(text: &str) -> Option<Self> {
        let Url(url) = match text.contains("://") {
            true => Url::read(text)?,
            false => Url::read(&format!("https://{text}"))?,
        };
        Some(Self(url))
    }
}

impl Scalar for NoFilter {
    const EXPECTED: &'static str =
        "none, since clients are not told apart by their addresses yet: all are sent to cloudfront";

    fn read(text: &str) -> Option<Self> {
        matches!(text.trim().to_ascii_lowercase().as_str(), "" | "none").then_some(Self)
    }
}

impl Scalar for Scheme {
    const EXPECTED: &'static str = "http or https";

    fn read(text: &str) -> Option<Self> {
        matches!(text, "http" | "https").then(|| Self(text.to_owned()))
    }
}

impl Scalar for Host {
    const EXPECTED: &'static str = "HOST or HOST:PORT";

    fn read(text: &str) -> Option<Self> {
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        (!text.is_empty() && text.bytes().all(is_host)).then(|| Self(text.to_owned()))
    }
}
