//! References as oras-go reads them.

use wharf_reference::{
    RepositoryName,
    oras::{
        Reference, validate_reference, validate_reference_as_digest, validate_reference_as_tag,
        validate_registry, validate_repository,
    },
};

use crate::input::{expect_message, text};

/// The whole is taken exactly if its parts are, and what is taken leads back to itself.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Reference::parse(text) {
        Ok(reference) => accepted(&reference),
        Err(error) => expect_message(&error),
    }
    assert_eq!(validate_repository(text).is_ok() && text.len() <= 255, {
        RepositoryName::parse(text).is_ok()
    });
    let (tag, digest) = (validate_reference_as_tag(text), validate_reference_as_digest(text));
    assert!(tag.is_err() || digest.is_err());
    assert_eq!(
        validate_reference(text).is_ok(),
        text.is_empty() || tag.is_ok() || digest.is_ok(),
        "{text:?}"
    );
}

fn accepted(reference: &Reference) {
    let (registry, repository) = (reference.registry(), reference.repository());
    validate_registry(registry).expect("the registry of a reference is one");
    validate_repository(repository).expect("the repository of a reference is one");
    assert_eq!(Reference::parse(&reference.to_string()).as_ref(), Ok(reference));
    let suffix = reference.reference().map(|suffix| suffix.to_string()).unwrap_or_default();
    let joined = Reference::new(registry, repository, &suffix);
    assert_eq!(joined.as_ref(), Ok(reference));
    assert_eq!(reference.reference_or_default().digest(), reference.digest());
}
