//! Where clients are sent to.

use wharf_driver::StoragePath;

/// Where clients are sent to.
#[derive(Clone, Debug)]
pub enum Way {
    /// `redirect`: to the path below this URL, which has no slash at its end. Whatever is there serves
    /// the same files, to anybody.
    Base(String),
    /// `rewrite`: to the URL of the store, of which parts are replaced. Where the store checks a
    /// signature over them, so must whoever is there instead.
    Rewritten {
        /// `https`.
        scheme: Option<String>,
        /// A name, or an address, with its port.
        host: Option<String>,
        /// What is taken away where the path begins with it.
        trim_path_prefix: Option<String>,
    },
    /// `cloudfront`: to a distribution of Amazon's, by a URL that we sign.
    #[cfg(feature = "cloudfront")]
    CloudFront(std::sync::Arc<crate::CloudFront>),
}

// === impl Way ===

impl Way {
    /// Whether it needs no URL of the store.
    pub(crate) fn is_complete(&self) -> bool {
        !matches!(self, Self::Rewritten { .. })
    }

    /// The URL for a path, of that which the store has given, if it has.
    pub(crate) fn lead(&self, path: &StoragePath, given: Option<String>) -> Option<String> {
        match self {
            Self::Base(base) => Some(format!("{base}/{path}")),
            #[cfg(feature = "cloudfront")]
            Self::CloudFront(cloudfront) => cloudfront.url(path),
            Self::Rewritten { scheme, host, trim_path_prefix } => {
                let given = given?;
                let (old_scheme, rest) = given.split_once("://")?;
                let start = rest.find(['/', '?']).unwrap_or(rest.len());
                let (old_host, path) = rest.split_at(start);
                let scheme = scheme.as_deref().unwrap_or(old_scheme);
                let host = host.as_deref().unwrap_or(old_host);
                let path = trim_path_prefix.as_deref().and_then(|prefix| path.strip_prefix(prefix));
                let path = path.unwrap_or(&rest[start..]);
                let slash = if path.starts_with(['/', '?']) || path.is_empty() { "" } else { "/" };
                Some(format!("{scheme}://{host}{slash}{path}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(way: &Way, given: Option<&str>) -> Option<String> {
        let path = StoragePath::parse("docker/data").expect("a valid path");
        way.lead(&path, given.map(str::to_owned))
    }

    #[test]
    fn a_base_has_the_path_below_it() {
        let way = Way::Base("https://cdn/x".into());
        assert_eq!(led(&way, None).as_deref(), Some("https://cdn/x/docker/data"));
        assert_eq!(led(&way, Some("http://s3/b")).as_deref(), Some("https://cdn/x/docker/data"));
    }

    #[test]
    fn what_is_rewritten_keeps_the_rest() {
        let way = |scheme: &str, host: &str, trim: &str| {
            let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let (scheme, host, trim_path_prefix) = (part(scheme), part(host), part(trim));
            Way::Rewritten { scheme, host, trim_path_prefix }
        };
        let given = Some("http://s3:9000/bucket/docker/data?X-Sig=1");
        for (way, url) in [
            (way("https", "", ""), "https://s3:9000/bucket/docker/data?X-Sig=1"),
            (way("", "cdn", ""), "http://cdn/bucket/docker/data?X-Sig=1"),
            (way("https", "cdn", "/bucket"), "https://cdn/docker/data?X-Sig=1"),
            (way("", "", "/bucket/"), "http://s3:9000/docker/data?X-Sig=1"),
            (way("", "", "/other"), "http://s3:9000/bucket/docker/data?X-Sig=1"),
            (way("", "", ""), "http://s3:9000/bucket/docker/data?X-Sig=1"),
        ] {
            assert_eq!(led(&way, given).as_deref(), Some(url));
        }
        assert_eq!(led(&way("https", "cdn", ""), None), None);
        assert_eq!(led(&way("", "cdn", ""), Some("http://s3")).as_deref(), Some("http://cdn"));
    }
}
