//! The HTTP API of an OCI registry as data.
//!
//! Everything that a registry answers to stands in one static [`TABLE`]: paths, methods, the
//! permissions that each of them needs, parameters, headers, statuses and error codes. The router,
//! the access control, `docs/api.md` and the tests walk it; nothing here does any I/O.
//!
//! ```
//! use wharf_api::{Operation, Target, resolve};
//!
//! let (target, row) = resolve("GET", "/v2/library/alpine/manifests/latest").unwrap();
//! assert_eq!(row.operation, Operation::ManifestGet);
//! assert_eq!(target.to_string(), "/v2/library/alpine/manifests/latest");
//!
//! let refusal = resolve("POST", "/v2/library/alpine/tags/list").unwrap_err();
//! assert_eq!((refusal.error.status(), refusal.allow), (405, Some("GET, HEAD, OPTIONS")));
//! ```

mod docs;
mod endpoint;
mod error;
pub mod header;
mod link;
mod permission;
mod query;
mod route;
mod row;
mod table;
mod target;

pub use docs::docs;
pub use endpoint::{Endpoint, Method, Operation};
pub use error::{ErrorBody, ErrorCode, ErrorInfo};
pub use link::next_link;
pub use permission::{Action, Permission, Permissions};
pub use query::{Query, QueryError};
pub use route::{MethodNotAllowed, Refusal, RouteError, resolve, route, row};
pub use row::{Effect, Parameter, Row, Success};
pub use table::TABLE;
pub use target::Target;
