//! Paths of a storage driver.

use wharf_driver::StoragePath;

use crate::input::text;

/// No path leaves the root, and each is the sum of its components.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(path) = StoragePath::parse(text) else {
        assert!(StoragePath::root().join(text).is_err(), "{text:?}");
        return;
    };
    assert_eq!(path.as_str(), text);
    let safe = |component: &str| !matches!(component, "" | "." | "..");
    assert!(path.components().all(|component| safe(component) && component.len() <= 255));
    assert!(!text.starts_with('/') && !text.contains(['\0', '\\', ':']));
    let rebuilt = path.components().try_fold(StoragePath::root(), |path, name| path.join(name));
    assert_eq!(rebuilt.as_ref(), Ok(&path));
    match (path.parent(), path.name()) {
        (Some(parent), Some(name)) => assert_eq!(parent.join(name).as_ref(), Ok(&path)),
        _ => assert!(path.is_root() && text.is_empty()),
    }
    let below = StoragePath::parse("below/it").expect("a constant");
    assert_eq!(path.append(&below).components().count(), path.components().count() + 2);
}
