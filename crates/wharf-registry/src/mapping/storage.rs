//! `storage`, `validation` → [`wharf_storage::Options`].

use std::sync::Arc;

use regex::Regex;
use wharf_config::{Configuration, Pattern, Storage, Validation};
use wharf_storage::{ManifestPolicy, Options, PlatformFilter, Platforms, UrlPattern, UrlPolicy};

use crate::Error;

pub(crate) const KEYS: &[&str] = &[
    "storage.delete.enabled",
    "storage.redirect.disable",
    "storage.cache.manifestmemory",
    "http.limits.uploads",
    "storage.maintenance.readonly.enabled",
    "validation.enabled",
    "validation.disabled",
    "validation.manifests.sparse",
    "validation.manifests.urls.allow",
    "validation.manifests.urls.deny",
    "validation.manifests.indexes.platforms",
    "validation.manifests.indexes.platformlist",
];

/// Everything but the descriptor cache.
pub(crate) fn options(configuration: &Configuration) -> Result<Options, Error> {
    // Every field is named, so that a new one is not forgotten here.
    let Storage {
        driver: _,
        delete,
        redirect,
        cache: _,
        manifest_memory,
        upload_purging: _,
        cache_in_redis: _,
        read_only,
    } = &configuration.storage;
    Ok(Options {
        delete: *delete,
        redirect: *redirect,
        read_only: (*read_only).into(),
        manifest_memory: *manifest_memory,
        uploads: configuration.http.limits.clients.uploads.map(|uploads| uploads.get() as usize),
        manifests: manifests(configuration)?,
        ..Options::default()
    })
}

fn manifests(configuration: &Configuration) -> Result<ManifestPolicy, Error> {
    let validation = &configuration.validation;
    let Validation { disabled, sparse, allow_urls: _, deny_urls: _, platforms: required } =
        validation;
    Ok(ManifestPolicy {
        max_bytes: configuration.http.limits.manifest_size.get(),
        disabled: *disabled,
        sparse: *sparse,
        platforms: platforms(required),
        urls: urls(validation)?,
    })
}

fn platforms(platforms: &wharf_config::Platforms) -> Platforms {
    match platforms {
        wharf_config::Platforms::All => Platforms::All,
        wharf_config::Platforms::None => Platforms::None,
        wharf_config::Platforms::List(list) => Platforms::List(
            list.iter()
                .map(|platform| PlatformFilter {
                    architecture: platform.architecture.clone(),
                    os: platform.os.clone(),
                })
                .collect(),
        ),
    }
}

/// Nothing configured means that every URL is taken: the original refuses them all, by a server error.
fn urls(validation: &Validation) -> Result<Option<UrlPolicy>, Error> {
    if validation.allow_urls.is_empty() && validation.deny_urls.is_empty() {
        return Ok(None);
    }
    let compile = |patterns: &[Pattern]| patterns.iter().map(pattern).collect::<Result<_, _>>();
    let allow = compile(&validation.allow_urls)?;
    let deny = compile(&validation.deny_urls)?;
    Ok(Some(UrlPolicy { allow, deny }))
}

fn pattern(pattern: &Pattern) -> Result<UrlPattern, Error> {
    match Regex::new(&pattern.text) {
        Ok(regex) => Ok(Arc::new(move |url: &str| regex.is_match(url))),
        Err(error) => {
            // The last line says what is wrong, those before it show where.
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            Err(pattern
                .error(format!("{:?} is no regular expression: {reason}", pattern.text))
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(validation: &str) -> Result<Options, String> {
        let text = format!("version: 0.1\nstorage: inmemory\nvalidation: {validation}");
        let loaded = Configuration::load(&text, "c.yml", []).expect("valid");
        options(&loaded.configuration).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_are_taken_as_the_patterns_say() {
        assert!(load("").expect("valid").manifests.urls.is_none());
        let allow = r"allow: ['^https?://([^/]+\.)?example\.com/']";
        for (urls, url, allowed) in [
            (allow, "https://example.com/x", true),
            (allow, "https://a.example.com/x", true),
            (allow, "https://example.org/x", false),
            (r"deny: [secret]", "https://example.org/x", true),
            (r"deny: [secret]", "https://example.org/secret", false),
            (&format!("{allow}, deny: [secret]"), "https://example.com/secret", false),
        ] {
            let options = load(&format!("{{manifests: {{urls: {{{urls}}}}}}}")).expect(urls);
            let policy = options.manifests.urls.expect("configured");
            assert_eq!(policy.allows(url), allowed, "{urls}: {url}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_an_error_with_its_place() {
        let error = load("{manifests: {urls: {deny: [ok, '(']}}}").expect_err("no pattern");
        assert_eq!(
            error,
            "c.yml:3: validation.manifests.urls.deny.1: \"(\" is no regular expression: unclosed group"
        );
    }
}
