//! Paths of the API.

use wharf_api::{Target, resolve, route};
use wharf_reference::RepositoryName;

use crate::input::{expect_message, text};

const METHODS: [&str; 8] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"];

/// A path leads to a target whose own path leads there too, and every refusal can be answered.
pub fn check(data: &[u8]) {
    let Some(path) = text(data) else { return };
    match route(path) {
        Ok(target) => accepted(path, &target),
        Err(error) => expect_message(&error),
    }
    METHODS.iter().for_each(|method| requested(method, path));
}

fn accepted(path: &str, target: &Target) {
    let own = target.to_string();
    assert_eq!(route(&own).as_ref(), Ok(target), "{own}");
    assert_eq!(route(path).as_ref(), Ok(target));
    assert!(own.bytes().all(|byte| byte.is_ascii_graphic()), "{own:?}");
    if !path.ends_with('/') {
        assert_eq!(route(&format!("{path}/")).as_ref(), Ok(target));
    }
    if let Some(name) = target.name() {
        assert!(name.as_str().len() <= RepositoryName::MAX_LEN);
    }
}

fn requested(method: &str, path: &str) {
    match resolve(method, path) {
        Ok((target, row)) => {
            assert_eq!(row.endpoint, target.endpoint());
            assert_eq!(route(path), Ok(target));
        }
        Err(refusal) => {
            let status = refusal.error.status();
            assert!((400..500).contains(&status), "{method} {path}: {status}");
            assert_eq!(refusal.allow.is_some(), status == 405);
            let detail = refusal.error.detail().map(ToString::to_string).unwrap_or_default();
            assert!(detail.len() <= 8192, "{} bytes", detail.len());
        }
    }
}
