//! What a caller must be allowed to do.

/// One thing that a caller must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Anyone may, without saying who they are.
    None,
    /// Anyone may who is known.
    Authenticated,
    /// To list all repositories: `registry:catalog:*`.
    Catalog,
    /// To act on the repository that the path names: `repository:<name>:<action>`.
    Repository(Action),
    /// To pull from the repository that the parameter `from` names; and without it, from whichever
    /// repository the blob is found in. Refused, it costs the mount, not the request.
    MountSource,
}

/// What is done to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Read.
    Pull,
    /// Add.
    Push,
    /// Take away.
    Delete,
    /// Take the whole repository away.
    Remove,
}

/// All permissions that a row needs; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(&'static [Permission]);

// === impl Permission ===

impl Permission {
    /// How the documentation writes it.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Authenticated => "authenticated",
            Self::Catalog => "`registry:catalog:*`",
            Self::Repository(Action::Pull) => "`repository:<name>:pull`",
            Self::Repository(Action::Push) => "`repository:<name>:push`",
            Self::Repository(Action::Delete) => "`repository:<name>:delete`",
            Self::Repository(Action::Remove) => "`repository:<name>:*`",
            Self::MountSource => "`repository:<from>:pull` for a mount",
        }
    }
}

// === impl Action ===

impl Action {
    /// Its name in a token's scope. To remove a repository takes everything that one may do to it, which
    /// is a `*` there.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Remove => "*",
        }
    }
}

// === impl Permissions ===

impl Permissions {
    /// All of these. In a constant, an empty list does not compile.
    pub const fn all(list: &'static [Permission]) -> Self {
        assert!(!list.is_empty(), "a row needs a permission, `Permission::None` at least");
        Self(list)
    }

    /// Each of them, in the order in which they are to be checked.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        self.0.iter().copied()
    }

    /// Whether this one is among them.
    pub fn contains(self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }
}
