//! Shared suites, fixtures and fakes for the contracts of Wharf

pub mod driver_suite;
pub mod faults;
pub mod power_cut;

pub mod scenarios;

pub mod cache_suite;
pub mod fixture;
pub mod namespace_suite;
