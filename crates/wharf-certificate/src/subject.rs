//! Whose a certificate is.

use crate::der::{OBJECT, SEQUENCE, SET, TEXTS, take};

/// Whose a certificate is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its common names, of which most have one.
    pub common_names: Vec<String>,
    /// Its organisations.
    pub organisations: Vec<String>,
}

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];

// === impl Subject ===

impl Subject {
    pub(crate) fn read(mut names: &[u8]) -> Option<Self> {
        let mut subject = Self::default();
        while !names.is_empty() {
            let (mut set, rest) = take(names, SET)?;
            names = rest;
            while !set.is_empty() {
                let (attribute, rest) = take(set, SEQUENCE)?;
                set = rest;
                let (kind, value) = take(attribute, OBJECT)?;
                match kind {
                    COMMON_NAME => subject.common_names.push(text(value)?),
                    ORGANISATION => subject.organisations.push(text(value)?),
                    _ => {}
                }
            }
        }
        Some(subject)
    }
}

/// A text in one of the encodings that are UTF-8.
fn text(der: &[u8]) -> Option<String> {
    let (text, _) = TEXTS.iter().find_map(|tag| take(der, *tag))?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use crate::Certificate;

    #[test]
    fn names_and_organisations_are_told() {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("valid");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "nöde");
        params.distinguished_name.push(DnType::OrganizationName, "nodes");
        params.distinguished_name.push(DnType::CountryName, "XX");
        let signed = params.self_signed(&key).expect("signed");
        let subject = Certificate::parse(signed.der()).expect("one").subject().expect("told");
        assert_eq!(subject.common_names, ["nöde"]);
        assert_eq!(subject.organisations, ["nodes"]);
    }
}
