//! All keys that are trusted, and which of them has signed a token.

use std::{sync::Arc, time::SystemTime};

use super::{
    Algorithm, Options,
    bundle::Bundle,
    jwks::Jwks,
    jws::{Jws, cut},
    key::Key,
    remote::Remote,
};
use crate::{Rejection, watched::Watched};

/// All keys that are trusted.
pub(crate) struct Keys {
    bundle: Option<Watched<Bundle>>,
    file: Option<Watched<Jwks>>,
    remote: Option<Remote>,
    algorithms: Vec<Algorithm>,
}

// === impl Keys ===

impl Keys {
    /// Reads the files; the error names the one that cannot be used.
    pub(crate) fn open(options: &Options) -> Result<Self, String> {
        let Options { certificates, key_file, key_source, refresh, algorithms, .. } = options;
        let bundle = certificates.as_ref().map(|path| Watched::open(path, Bundle::read));
        let file = key_file.as_ref().map(|path| Watched::open(path, Jwks::read)).transpose()?;
        let remote = key_source.as_ref().map(|source| Remote::new(Arc::clone(source), *refresh));
        let keys =
            Self { bundle: bundle.transpose()?, file, remote, algorithms: algorithms.clone() };
        if keys.bundle.is_none() && keys.file.is_none() && keys.remote.is_none() {
            return Err("there is no key to check tokens with".to_owned());
        }
        if let (Some(file), Some(path)) = (&keys.file, key_file) {
            let named = algorithms.iter().any(|algorithm| algorithm.is_secret());
            if !named && file.now().value.0.iter().any(|(_, key)| key.is_secret()) {
                return Err(format!(
                    "{}: there is a secret in it, for which an algorithm such as HS256 has to be \
                     named",
                    path.display()
                ));
            }
        }
        Ok(keys)
    }

    /// Grows with every change of the keys.
    pub(crate) fn generation(&self) -> u64 {
        let bundle = self.bundle.as_ref().map_or(0, |bundle| bundle.now().generation);
        let file = self.file.as_ref().map_or(0, |file| file.now().generation);
        // A set that is due is looked at anew, so that a key that was taken out counts no more.
        let remote = self.remote.as_ref();
        let due = remote.is_some_and(Remote::is_due);
        let remote = remote.map_or(0, Remote::generation);
        bundle.wrapping_add(file).wrapping_add(remote).wrapping_mul(2).wrapping_add(due.into())
    }

    /// The payload, if a trusted key has signed it.
    pub(crate) async fn verified(
        &self,
        jws: &Jws<'_>,
        now: SystemTime,
    ) -> Result<Vec<u8>, Rejection> {
        let algorithm = jws.algorithm;
        if !self.algorithms.contains(&algorithm) {
            return Err(Rejection::Invalid(format!("the algorithm {algorithm} is not allowed")));
        }
        let keys = self.candidates(jws, now).await?;
        if keys.iter().any(|key| key.verify(algorithm, jws.message, &jws.signature)) {
            return Ok(jws.payload.clone());
        }
        Err(Rejection::Invalid("the signature of the token is wrong".to_owned()))
    }

    /// The trusted keys that the header may mean.
    async fn candidates(&self, jws: &Jws<'_>, now: SystemTime) -> Result<Vec<Key>, Rejection> {
        if let (Some(bundle), [_, ..]) = (&self.bundle, &jws.certificates[..]) {
            match (bundle.now().value.leaf(&jws.certificates, now), &jws.key_id) {
                (Ok(key), _) => return Ok(vec![key]),
                // It may name a key by its id as well.
                (Err(problem), None) => return Err(Rejection::Invalid(problem)),
                (Err(_), Some(_)) => {}
            }
        }
        let found = self.find(jws).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        if let Some(remote) = &self.remote {
            remote.fetch_again().await;
            let found = self.find(jws).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Err(Rejection::Invalid(match &jws.key_id {
            Some(id) => format!("the token is signed by an unknown key {:?}", cut(id)),
            None => "the token does not say by which key it is signed".to_owned(),
        }))
    }

    /// The keys of this id; and without an id the one key that could be meant, if it is only one.
    async fn find(&self, jws: &Jws<'_>) -> Result<Vec<Key>, Rejection> {
        let mut found = Vec::new();
        let mut look = |keys: &[(String, Key)], by_algorithm: bool| {
            let wanted = keys.iter().filter(|(id, key)| match &jws.key_id {
                Some(wanted) => wanted == id,
                None => by_algorithm && key.is_for(jws.algorithm),
            });
            found.extend(wanted.map(|(_, key)| key.clone()));
        };
        if let Some(bundle) = &self.bundle {
            look(&bundle.now().value.keys, false);
        }
        if let Some(file) = &self.file {
            look(&file.now().value.0, true);
        }
        if let Some(remote) = &self.remote {
            match remote.keys().await {
                Some(keys) => look(&keys.0, true),
                None if found.is_empty() => {
                    let problem = "there are no keys of the token server yet".to_owned();
                    return Err(Rejection::Unavailable(problem));
                }
                None => {}
            }
        }
        if jws.key_id.is_none() && found.len() > 1 {
            found.clear();
        }
        Ok(found)
    }
}
