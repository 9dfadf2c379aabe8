//! What a request needs its caller to be allowed.

use std::fmt;

use wharf_api::{Action, Permission, Query, Row, Target};
use wharf_reference::RepositoryName;

/// One thing that somebody may or may not do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// To list the repositories: `registry:catalog:*`.
    Catalog,
    /// To act on a repository: `repository:<name>:<action>`.
    Repository(RepositoryName, Action),
}

/// What a request needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Whether the caller has to be known, even if nothing else is needed.
    pub identity: bool,
    /// What the caller has to be allowed, all of it.
    pub accesses: Vec<Access>,
    /// What makes a mount of an upload, if it is allowed.
    pub mount: Option<Access>,
}

// === impl Access ===

impl Access {
    /// To pull from a repository.
    pub fn pull(name: RepositoryName) -> Self {
        Self::Repository(name, Action::Pull)
    }

    /// The type of the resource, as a scope names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Catalog => "registry",
            Self::Repository(..) => "repository",
        }
    }

    /// The name of the resource, as a scope names it.
    pub fn name(&self) -> &str {
        match self {
            Self::Catalog => "catalog",
            Self::Repository(name, _) => name.as_str(),
        }
    }

    /// The action, as a scope names it.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Catalog => "*",
            Self::Repository(_, action) => action.as_str(),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind(), self.name(), self.action())
    }
}

// === impl Needs ===

impl Needs {
    /// What this row of the table needs for this target; `None` if that cannot be said, which nobody
    /// may do then.
    pub fn of(row: &Row, target: &Target, query: &Query<'_>) -> Option<Self> {
        let mut needs = Self::default();
        for permission in row.permissions.iter() {
            match permission {
                Permission::None => {}
                Permission::Authenticated => needs.identity = true,
                Permission::Catalog => needs.accesses.push(Access::Catalog),
                Permission::Repository(action) => {
                    needs.accesses.push(Access::Repository(target.name()?.clone(), action));
                }
                Permission::MountSource => needs.mount = source(query),
            }
        }
        Some(needs)
    }

    /// Whether anybody may.
    pub fn is_nothing(&self) -> bool {
        !self.identity && self.accesses.is_empty()
    }
}

/// The repository that a mount names. One that is no name is the handler's to refuse.
fn source(query: &Query<'_>) -> Option<Access> {
    query.get("mount")?;
    RepositoryName::parse(query.get("from")?).ok().map(Access::pull)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &str, identity: bool, expected: &[&str], mount: Option<&str>) {
        let (method, url) = request.split_once(' ').unwrap();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let (target, row) = wharf_api::resolve(method, path).map_err(drop).unwrap();
        let needs = Needs::of(row, &target, &Query::parse(query).unwrap()).unwrap();
        let accesses: Vec<_> = needs.accesses.iter().map(Access::to_string).collect();
        assert_eq!((needs.identity, accesses.join(" ")), (identity, expected.join(" ")));
        assert_eq!(needs.mount.map(|access| access.to_string()).as_deref(), mount);
    }

    #[test]
    fn every_request_says_what_it_needs() {
        const PULL: &str = "repository:a/b:pull";
        const PUSH: &str = "repository:a/b:push";
        let digest = format!("sha256:{}", "0".repeat(64));
        check("GET /", false, &[], None);
        check("GET /v2/", true, &[], None);
        check("PUT /v2/", true, &[], None);
        check("OPTIONS /v2/a/b/tags/list", false, &[], None);
        check("GET /v2/_catalog", false, &["registry:catalog:*"], None);
        check("HEAD /v2/a/b/manifests/v1", false, &[PULL], None);
        check("PUT /v2/a/b/manifests/v1", false, &[PULL, PUSH], None);
        check("DELETE /v2/a/b/manifests/v1", false, &["repository:a/b:delete"], None);
        check(&format!("GET /v2/a/b/referrers/{digest}"), false, &[PULL], None);
        let upload = |query: &str| format!("POST /v2/a/b/blobs/uploads/?{query}");
        check(&upload(""), false, &[PULL, PUSH], None);
        check(&upload("from=c"), false, &[PULL, PUSH], None);
        let mount = format!("mount={digest}&from=c/d");
        check(&upload(&mount), false, &[PULL, PUSH], Some("repository:c/d:pull"));
        let wrong = format!("mount={digest}&from=../c");
        check(&upload(&wrong), false, &[PULL, PUSH], None);
    }
}
