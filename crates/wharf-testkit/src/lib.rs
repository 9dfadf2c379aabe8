//! Shared suites, fixtures and fakes for the contracts of Wharf.
//!
//! One suite per contract: a new implementation supplies a constructor and inherits every test. All
//! of it is for tests; nothing in here is a dependency of the product.

// Suites.
pub mod cache_suite;
pub mod driver_suite;
pub mod namespace_suite;
pub mod scenarios;

// What tests build on.
pub mod docker;
pub mod double;
pub mod fixture;
pub mod gcs;
pub mod grpc;
pub mod image;
pub mod process;
pub mod raw;
pub mod tap;
pub mod token_server;

// What goes wrong on purpose.
pub mod faults;
pub mod power_cut;
