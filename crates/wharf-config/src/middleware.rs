//! `middleware`: what stands between the registry and its storage.

use crate::{
    ConfigError,
    schema::{Shape, flag, section, text, url, word},
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
}

/// The keys of an item of `middleware.storage`.
pub(crate) const STORAGE: Shape = Shape::List(&Shape::Section(&[
    word("name", &["redirect", "rewrite"], "Which one; it has to be there."),
    flag("disabled", "It is not there."),
    section(
        "options",
        &[
            url("baseurl", "`redirect`: where clients are sent to."),
            text("basepath", "`redirect`: the path below that."),
            word("scheme", &["http", "https"], "`rewrite`: the scheme of the URL."),
            text("host", "`rewrite`: the host of the URL."),
            text("trimpathprefix", "`rewrite`: what is cut off the path of the URL."),
        ],
    )
    .doc("What it needs."),
]));

const NO_CLOUDFRONT: &str = "cloudfront is not supported yet; redirect sends clients to a \
                             distribution that asks for no signature";

struct Url(String);
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
        let Some(name) = item.find("name") else { return Err(item.error("name is missing")) };
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
            "cloudfront" => Err(name.error(NO_CLOUDFRONT)),
            _ => Err(name.error("expected redirect or rewrite")),
        }
    }

    fn redirect(options: &Section<'_>) -> Result<Self, ConfigError> {
        let Some(Url(base)) = options.value("baseurl")? else {
            return Err(options.error("baseurl is missing"));
        };
        let path: String = options.value_or("basepath", String::new())?;
        let path = path.trim_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        Ok(Self::Redirect { base: format!("{base}{slash}{path}") })
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
