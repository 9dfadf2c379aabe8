//! Reads certificates and keys out of PEM files, and says which item of which file is wrong.

use std::{fs::File, io::Read as _, path::Path};

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _, SectionKind},
    },
    server::ParsedCertificate,
};

use crate::Error;

/// The items of a file that has nothing else to say.
type Items = Vec<(SectionKind, Vec<u8>)>;

/// No chain and no bundle of authorities is longer, in bytes.
const LONGEST: u64 = 4 << 20;

/// What only encrypted keys have, in both of the formats that there are.
const ENCRYPTED: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];

/// The certificates of a file, at least one.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let items = items(file, &read(file)?)?.into_iter();
    let certificates: Vec<_> = items
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    for (at, certificate) in certificates.iter().enumerate() {
        ParsedCertificate::try_from(certificate).map_err(|error| Error::Certificate {
            file: file.to_owned(),
            number: at + 1,
            problem: error.to_string(),
        })?;
    }
    match certificates.is_empty() {
        true => Err(Error::NoCertificate(file.to_owned())),
        false => Ok(certificates),
    }
}

/// The first private key of a file.
pub(crate) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(file)?;
    let is_encrypted = |mark: &&[u8]| text.windows(mark.len()).any(|part| part == *mark);
    if ENCRYPTED.iter().any(is_encrypted) {
        return Err(Error::EncryptedKey(file.to_owned()));
    }
    let key =
        items(file, &text)?.into_iter().find_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    key.ok_or_else(|| Error::NoKey(file.to_owned()))
}

/// The authorities that these files name.
pub(crate) fn authorities(files: &[impl AsRef<Path>]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for file in files.iter().map(AsRef::as_ref) {
        for (at, certificate) in certificates(file)?.into_iter().enumerate() {
            store.add(certificate).map_err(|error| Error::Certificate {
                file: file.to_owned(),
                number: at + 1,
                problem: error.to_string(),
            })?;
        }
    }
    Ok(store)
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(LONGEST).read_to_end(&mut content))
        .map_err(|source| Error::Read { file: file.to_owned(), source })?;
    Ok(content)
}

fn items(file: &Path, text: &[u8]) -> Result<Items, Error> {
    let items = <(SectionKind, Vec<u8>)>::pem_slice_iter(text).enumerate();
    items
        .map(|(at, item)| {
            item.map_err(|error| Error::Pem {
                file: file.to_owned(),
                number: at + 1,
                problem: problem(&error).to_owned(),
            })
        })
        .collect()
}

/// What is wrong, in words that hold nothing of the file.
fn problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "its END line is missing",
        pem::Error::IllegalSectionStart { .. } => "its BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "what it holds is not base64",
        _ => "it cannot be read",
    }
}
