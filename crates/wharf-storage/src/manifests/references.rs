//! What a manifest has to find in the repository before it is taken.

use std::collections::{BTreeMap, BTreeSet};

use wharf_core::{ErrorKind, Result};
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, Manifest, ManifestError, Platform, Reference, Role};

use crate::{ManifestPolicy, Platforms, layout, store::Scope};

/// Content that a manifest refers to.
struct Need<'a> {
    /// Where the manifest does: `layers[2]`.
    place: String,
    descriptor: &'a Descriptor,
    /// Whether a manifest may stand there.
    is_child: bool,
    /// Whether it has to be there. Even if not: if it is there, its size has to be right.
    required: bool,
}

/// Fails with everything that is missing, with a size that is wrong, or with a URL that the policy
/// does not allow.
pub(super) async fn check(scope: &Scope, manifest: &Manifest) -> Result<()> {
    let policy = &scope.options().manifests;
    let needs = needs(policy, manifest);
    needs.iter().try_for_each(|need| check_urls(policy, need))?;
    let sizes = sizes(scope, &needs).await?;
    let mut missing = Vec::new();
    for need in &needs {
        match sizes.get(&need.descriptor.digest).copied().flatten() {
            Some(size) => check_size(need, size)?,
            None if need.required => missing.push(need.descriptor.digest),
            None => {}
        }
    }
    let mut named = BTreeSet::new();
    missing.retain(|digest| named.insert(*digest));
    // Whoever believed that they were there asks again.
    if let Some(cache) = scope.cache() {
        for digest in &missing {
            cache.clear(digest).await;
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(ErrorKind::ManifestReferencesUnknown(missing).into()),
    }
}

fn needs<'a>(policy: &ManifestPolicy, manifest: &'a Manifest) -> Vec<Need<'a>> {
    let mut counts = BTreeMap::new();
    let mut place = |role| {
        let Some(key) = list_key(role) else { return "config".to_owned() };
        let count = counts.entry(key).or_insert(0);
        *count += 1;
        format!("{key}[{}]", *count - 1)
    };
    let need = |reference: Reference<'a>| Need {
        place: place(reference.role),
        descriptor: reference.descriptor,
        is_child: reference.role == Role::Manifest,
        required: is_required(policy, reference),
    };
    manifest.references().map(need).collect()
}

fn list_key(role: Role) -> Option<&'static str> {
    match role {
        Role::Config | Role::Subject => None,
        Role::Layer => Some("layers"),
        Role::Manifest => Some("manifests"),
        Role::Blob => Some("blobs"),
    }
}

fn is_required(policy: &ManifestPolicy, reference: Reference<'_>) -> bool {
    let descriptor = reference.descriptor;
    let elsewhere = descriptor.media_type.is_non_distributable() && !descriptor.urls.is_empty();
    match reference.role {
        Role::Config => true,
        Role::Layer | Role::Blob => !policy.sparse && !elsewhere,
        Role::Manifest => !policy.disabled && is_wanted(policy, descriptor.platform.as_ref()),
        Role::Subject => false,
    }
}

/// Whether the policy asks for a child of this platform. A child that names none is of none that
/// could be listed.
fn is_wanted(policy: &ManifestPolicy, platform: Option<&Platform>) -> bool {
    match &policy.platforms {
        Platforms::All => true,
        Platforms::None => false,
        Platforms::List(wanted) => platform.is_some_and(|platform| {
            let is = (platform.os.as_str(), platform.architecture.as_str());
            wanted.iter().any(|wanted| (wanted.os.as_str(), wanted.architecture.as_str()) == is)
        }),
    }
}

/// The sizes of everything that is there. What is there is what the repository links, as a blob, or
/// as a manifest where one may stand; BuildKit's cache puts blobs there too.
async fn sizes(scope: &Scope, needs: &[Need<'_>]) -> Result<BTreeMap<Digest, Option<u64>>> {
    let manifest_link = |digest: &Digest| layout::revision_link(&scope.name, digest);
    let layer_link = |digest: &Digest| layout::layer_link(&scope.name, digest);
    let children = needs.iter().filter(|need| need.is_child).map(|need| need.descriptor.digest);
    let children: BTreeSet<Digest> = children.collect();
    let mut sizes = linked(scope, children, manifest_link).await?;
    let others = needs.iter().map(|need| need.descriptor.digest);
    let others = others.filter(|digest| sizes.get(digest).copied().flatten().is_none()).collect();
    sizes.extend(linked(scope, others, layer_link).await?);
    Ok(sizes)
}

async fn linked(
    scope: &Scope,
    digests: BTreeSet<Digest>,
    link: impl Fn(&Digest) -> wharf_driver::StoragePath,
) -> Result<BTreeMap<Digest, Option<u64>>> {
    let wanted = digests.iter().map(|digest| (link(digest), *digest)).collect();
    let sizes = scope.vault().linked_all(wanted).await?;
    Ok(digests.into_iter().zip(sizes).collect())
}

fn check_size(need: &Need<'_>, size: u64) -> Result<()> {
    let Descriptor { digest, size: claimed, .. } = need.descriptor;
    if size == *claimed {
        return Ok(());
    }
    Err(ManifestError::Invalid {
        place: format!("{}.size", need.place),
        reason: format!("is {claimed}, but {digest} has {size} bytes"),
    }
    .into())
}

fn check_urls(policy: &ManifestPolicy, need: &Need<'_>) -> Result<()> {
    if policy.disabled || need.is_child {
        return Ok(());
    }
    let allowed =
        |url: &str| is_web_url(url) && policy.urls.as_ref().is_none_or(|urls| urls.allows(url));
    match need.descriptor.urls.iter().position(|url| !allowed(url)) {
        None => Ok(()),
        Some(index) => {
            Err(ErrorKind::ManifestRefused(format!("{}.urls[{index}]: not allowed", need.place))
                .into())
        }
    }
}

/// Whether a URL is one of http or https, with a host and without a fragment.
fn is_web_url(url: &str) -> bool {
    let after = |scheme: &str| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let Some(rest) = after("http://").or_else(|| after("https://")) else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    !host.is_empty() && url.chars().all(|c| c != '#' && !c.is_whitespace() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_urls() {
        for good in ["http://a", "https://a/b?c=d", "HTTPS://example.com:443/x"] {
            assert!(is_web_url(good), "{good}");
        }
        for bad in ["", "http://", "https:///x", "ftp://a", "//a", "http://a#b", "http://a b", "é"]
        {
            assert!(!is_web_url(bad), "{bad}");
        }
    }
}
