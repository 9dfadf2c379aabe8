//! `http.debug`: pages for operators, on an address of their own.

use crate::{
    Address, ConfigError,
    section::{Scalar, Section},
};

/// Pages for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debug {
    /// `addr`.
    pub address: Address,
    /// `prometheus.path`, if `prometheus.enabled`.
    pub prometheus: Option<String>,
}

struct PagePath(String);

// === impl Debug ===

impl Debug {
    pub(crate) fn read(debug: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        let prometheus = debug.section("prometheus")?;
        let path = prometheus.value_or("path", PagePath("/metrics".to_owned()))?.0;
        let enabled = prometheus.flag("enabled")?;
        let address = debug.find("addr").filter(|found| found.is_set());
        let Some(address) = address.map(|found| found.scalar()).transpose()? else {
            return Ok(None);
        };
        Ok(Some(Self { address, prometheus: enabled.then_some(path) }))
    }
}

// === impl PagePath ===

impl Scalar for PagePath {
    const EXPECTED: &'static str = "a path that begins with a slash";

    fn read(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '%');
        (text.starts_with('/') && text.chars().all(is_plain)).then(|| Self(text.to_owned()))
    }
}
