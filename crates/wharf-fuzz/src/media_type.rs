//! Media types of requests and descriptors.

use wharf_manifest::{Descriptor, MediaType};

use crate::input::{expect_message, text};

/// A media type prints as it was read; a descriptor survives being written and read.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match MediaType::parse(text) {
        Ok(media_type) => {
            assert_eq!(media_type.as_str(), text);
            assert_eq!(MediaType::from_content_type(text).map(|it| it.to_string()), {
                Ok(text.to_ascii_lowercase())
            });
        }
        Err(error) => expect_message(&error),
    }
    match MediaType::from_content_type(text) {
        Ok(media_type) => {
            let essence = media_type.as_str();
            assert_eq!(MediaType::parse(essence).as_ref(), Ok(&media_type));
            assert!(essence.len() <= text.len() && essence.len() <= 255);
        }
        Err(error) => expect_message(&error),
    }
    if let Ok(descriptor) = serde_json::from_str::<Descriptor>(text) {
        let json = serde_json::to_string(&descriptor).expect("a descriptor is JSON");
        assert_eq!(serde_json::from_str::<Descriptor>(&json).ok(), Some(descriptor));
    }
}
