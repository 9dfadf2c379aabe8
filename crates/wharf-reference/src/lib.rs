//! Names of container images: repository names, tags and references.
//!
//! Three grammars meet here. A registry is asked for a [`RepositoryName`] and a [`Tag`] or a digest
//! ([`TagOrDigest`]), as the OCI distribution specification writes them. People and tools write a
//! [`Reference`], as docker/distribution reads it, with its normalized and its familiar form; oras-go
//! reads references a little differently ([`oras`]).
//!
//! Parsing is total and linear: any text is either a value or a [`ReferenceError`]. All character
//! classes are ASCII.
//!
//! ```
//! use wharf_reference::{Reference, RepositoryName};
//!
//! let reference = Reference::parse_normalized("ubuntu:24.04")?;
//! assert_eq!(reference.to_string(), "docker.io/library/ubuntu:24.04");
//! assert_eq!(reference.familiar_string(), "ubuntu:24.04");
//!
//! assert!(RepositoryName::parse("library/ubuntu").is_ok());
//! assert!(RepositoryName::parse("../etc/passwd").is_err());
//! # Ok::<(), wharf_reference::ReferenceError>(())
//! ```

mod any;
mod error;
mod familiar;
mod name;
mod normalize;
pub mod oras;
mod pattern;
mod reference;
mod scan;
mod tag;
mod text;

pub use any::{AnyReference, sort};
pub use error::ReferenceError;
pub use name::RepositoryName;
pub use pattern::Pattern;
pub use reference::Reference;
pub use tag::{Tag, TagOrDigest};
