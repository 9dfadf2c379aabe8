//! Shared suites, fixtures and fakes for the contracts of Wharf

pub mod faults;

pub mod scenarios;
