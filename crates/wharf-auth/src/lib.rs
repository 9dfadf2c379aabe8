#![doc = include_str!("../README.md")]

mod access;
mod audit;
mod authorize;
#[cfg(feature = "token")]
mod certificate;
mod challenge;
mod credentials;
mod desk;
mod gate;
#[cfg(feature = "htpasswd")]
mod htpasswd;
mod identity;
#[cfg(feature = "issuer")]
pub mod issuer;
mod memo;
#[cfg(feature = "token")]
pub mod oidc;
mod policy;
mod rule;
mod rules;
mod silly;
#[cfg(feature = "token")]
pub mod token;
mod watched;

pub use access::{Access, Needs};
pub use authorize::{AllowAll, Ask, Authorize, Denial, Grant, Origin};
#[cfg(feature = "token")]
pub use certificate::{Certificates, NamedBy};
pub use challenge::{Challenge, Realm};
pub use credentials::Credentials;
pub use desk::{Desk, Visit};
pub use gate::Gate;
#[cfg(feature = "htpasswd")]
pub use htpasswd::{Htpasswd, HtpasswdError, Limits};
pub use identity::{Authenticate, Identity, Presented, Rejection, Scope, Source};
pub use memo::{Lasting, Memo};
pub use policy::{Policy, RuleFile};
pub use rule::Rule;
pub use rules::{Explanation, Rules, RulesError};
pub use silly::Silly;
