//! What must hold for any bytes that the registry reads from strangers.
//!
//! Every [`Target`] takes arbitrary bytes and panics when a promise is broken: a parser that panics, a
//! value that does not print as it was read, two parsers that disagree, an answer that is no answer.
//! The libFuzzer targets in `fuzz/` call them with what a fuzzer makes up, the test `corpus` of this
//! crate with the stored corpus and mutations of it, on any toolchain.
//!
//! ```
//! let target = wharf_fuzz::TARGETS.iter().find(|target| target.name == "digest").unwrap();
//! (target.check)(b"sha256:no hex at all");
//! ```

pub mod authorization;
pub mod certificate;
pub mod challenge;
pub mod checkpoint;
pub mod config;
pub mod digest;
pub mod digester;
pub mod forwarded;
pub mod htpasswd;
pub mod manifest;
pub mod media_type;
pub mod name;
pub mod oras;
pub mod query;
pub mod range;
pub mod reference;
pub mod request;
pub mod route;
pub mod rules;
pub mod storage_path;
pub mod store;
pub mod token;

mod input;
mod proxied;

/// Something that reads bytes from strangers.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of the module here, of the fuzz target, and of the folder of its corpus.
    pub name: &'static str,
    /// Panics if a promise is broken.
    pub check: fn(&[u8]),
}

/// All of them, in the order of their names.
pub static TARGETS: &[Target] = &[
    Target { name: "authorization", check: authorization::check },
    Target { name: "certificate", check: certificate::check },
    Target { name: "challenge", check: challenge::check },
    Target { name: "checkpoint", check: checkpoint::check },
    Target { name: "config", check: config::check },
    Target { name: "digest", check: digest::check },
    Target { name: "digester", check: digester::check },
    Target { name: "forwarded", check: forwarded::check },
    Target { name: "htpasswd", check: htpasswd::check },
    Target { name: "jwks", check: token::check_keys },
    Target { name: "manifest", check: manifest::check },
    Target { name: "media_type", check: media_type::check },
    Target { name: "name", check: name::check },
    Target { name: "oras", check: oras::check },
    Target { name: "query", check: query::check },
    Target { name: "range", check: range::check },
    Target { name: "reference", check: reference::check },
    Target { name: "request", check: request::check },
    Target { name: "route", check: route::check },
    Target { name: "rules", check: rules::check },
    Target { name: "storage_path", check: storage_path::check },
    Target { name: "store", check: store::check },
    Target { name: "token", check: token::check },
];
