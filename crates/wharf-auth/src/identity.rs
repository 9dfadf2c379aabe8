//! Who somebody is.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use wharf_core::Subject;

use crate::{Access, Credentials, Lasting, rules::Who};

/// Knows who shows some credentials.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Who it is; `None` if credentials of this kind are not for this one to judge.
    async fn authenticate(&self, presented: &Presented<'_>) -> Option<Result<Identity, Rejection>>;
}

/// What a caller shows.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// In its header.
    pub credentials: &'a Credentials<'a>,
    /// In its TLS handshake: a certificate of a trusted authority, in DER.
    pub certificate: Option<&'a [u8]>,
    /// Whom it counts for, as [`Ask::client`](crate::Ask::client).
    pub client: Option<IpAddr>,
}

/// Somebody who has proven who they are.
#[derive(Clone, Default)]
pub struct Identity {
    /// The name, `None` for a token that speaks for nobody.
    pub subject: Option<Subject>,
    /// What the credentials themselves are good for, `None` if they only say who somebody is.
    pub scope: Option<Arc<dyn Scope>>,
    /// The groups, as rules name them: `group:developers`.
    pub groups: Vec<Arc<str>>,
    /// How it is known.
    pub source: Source,
    /// For how long it is, `None` if only for this moment.
    pub lasting: Option<Arc<dyn Lasting>>,
}

/// How it is known who somebody is. A token that is given out on it ends with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Somebody else answers for it.
    #[default]
    Elsewhere,
    /// By a password that is known here.
    Password,
    /// By the token of a robot, which has this id.
    Robot(Arc<str>),
}

/// What some credentials are good for.
pub trait Scope: Send + Sync {
    /// Whether this is among it.
    fn contains(&self, access: &Access) -> bool;
}

/// Credentials that prove nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// They are wrong; why is for the log, and holds no secret.
    Invalid(String),
    /// They cannot be checked now; why is for the log.
    Unavailable(String),
    /// Too many wait to be checked.
    Busy(Duration),
}

/// How a group begins where it stands among names.
pub(crate) const GROUP: &str = "group:";

/// The longest name.
#[cfg_attr(not(feature = "token"), allow(dead_code, reason = "no names come from others"))]
const LONGEST: usize = 1024;

/// Whether somebody may be called so: nobody is taken for a group, and no log is confused.
#[cfg_attr(not(feature = "token"), allow(dead_code, reason = "no names come from others"))]
pub(crate) fn is_name(text: &str) -> bool {
    let plain = !text.is_empty() && !text.chars().any(char::is_control);
    plain && text.len() <= LONGEST && !text.starts_with(GROUP)
}

// === impl Identity ===

impl Identity {
    /// Somebody of this name.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { subject: Some(Subject(name.into())), ..Self::default() }
    }

    /// The same, who is in these groups.
    #[cfg_attr(not(feature = "token"), allow(dead_code, reason = "nobody has groups"))]
    pub(crate) fn in_groups(mut self, groups: &[String]) -> Self {
        let groups = groups.iter().filter(|group| is_name(group));
        self.groups = groups.map(|group| format!("{GROUP}{group}").into()).collect();
        self
    }

    /// As rules see it.
    pub(crate) fn who(&self) -> Who<'_> {
        Who { name: self.name(), groups: &self.groups }
    }

    /// The name, if there is one.
    pub fn name(&self) -> Option<&str> {
        self.subject.as_ref().map(|subject| &*subject.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("subject", &self.subject)
            .field("scoped", &self.scope.is_some())
            .finish()
    }
}
