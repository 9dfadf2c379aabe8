//! The hash functions that `object_store` signs with, which know what was hashed before.
//!
//! Without TLS the signature of a request covers the SHA-256 of its body. A driver has computed that together
//! with the digest of the blob, in hardly more time than one of both takes: here it is found again.

use bytes::Bytes;
use object_store::{
    Error, Result,
    client::{
        CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
    },
};
use wharf_digest::{Algorithm, Digester, hmac};
use wharf_driver_object::Hashed;

/// SHA-256 and HMAC-SHA-256: all that a signature of S3 needs.
#[derive(Debug)]
pub(crate) struct Crypto;

/// The hash of what is sent, for as long as it is that and nothing else; and then of whatever comes.
struct Sha256 {
    way: Way,
    hash: Vec<u8>,
}

enum Way {
    /// So many of its chunks have come.
    Known(Hashed, usize),
    Computed(Digester),
}

struct Hmac {
    key: Vec<u8>,
    message: Vec<u8>,
    tag: [u8; 32],
}

// === impl Crypto ===

impl CryptoProvider for Crypto {
    fn digest(&self, algorithm: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        known(&algorithm)?;
        let way = match Hashed::sent() {
            Some(hashed) => Way::Known(hashed, 0),
            None => Way::Computed(Digester::new(Algorithm::Sha256)),
        };
        Ok(Box::new(Sha256 { way, hash: Vec::new() }))
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        known(&algorithm)?;
        Ok(Box::new(Hmac { key: secret.to_vec(), message: Vec::new(), tag: [0; 32] }))
    }

    fn sign(&self, algorithm: SigningAlgorithm, _pem: &[u8]) -> Result<Box<dyn Signer>> {
        Err(Error::NotSupported { source: format!("S3 signs nothing by {algorithm:?}").into() })
    }
}

fn known(algorithm: &DigestAlgorithm) -> Result<()> {
    match algorithm {
        DigestAlgorithm::Sha256 => Ok(()),
        other => Err(Error::NotSupported { source: format!("S3 needs no {other:?}").into() }),
    }
}

// === impl Sha256 ===

impl DigestContext for Sha256 {
    fn update(&mut self, data: &[u8]) {
        match &mut self.way {
            Way::Known(hashed, came)
                if hashed.chunks().get(*came).is_some_and(|next| is(next, data)) =>
            {
                *came += 1;
            }
            way => way.compute().update(data),
        }
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.hash = match &mut self.way {
            Way::Known(hashed, came) if *came == hashed.chunks().len() => hashed.sha256().to_vec(),
            way => way.compute().clone().finish().as_bytes().to_vec(),
        };
        Ok(&self.hash)
    }
}

/// Whether these are the very same bytes: who holds the one keeps the other where it is.
fn is(chunk: &Bytes, data: &[u8]) -> bool {
    std::ptr::eq(&raw const **chunk, data)
}

// === impl Way ===

impl Way {
    /// Computes from here on, after what has come so far.
    fn compute(&mut self) -> &mut Digester {
        if let Self::Known(hashed, came) = self {
            let mut digester = Digester::new(Algorithm::Sha256);
            hashed.chunks()[..*came].iter().for_each(|chunk| digester.update(chunk));
            *self = Self::Computed(digester);
        }
        match self {
            Self::Computed(digester) => digester,
            Self::Known(..) => unreachable!("it was just replaced"),
        }
    }
}

// === impl Hmac ===

impl HmacContext for Hmac {
    fn update(&mut self, data: &[u8]) {
        self.message.extend_from_slice(data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.tag = hmac::plain(&self.key, &self.message);
        Ok(&self.tag)
    }
}

#[cfg(test)]
mod tests {
    use wharf_digest::Digest;
    use wharf_driver_object::sending;

    use super::*;

    /// A hash that nothing has: who returns it has not hashed.
    fn marked(chunks: &[Bytes]) -> Hashed {
        let mut digester = Digester::new(Algorithm::Sha256);
        digester.update(b"something else");
        Hashed::new(chunks, digester).expect("of SHA-256")
    }

    async fn hash(sent: &[Bytes], data: &[&[u8]]) -> Vec<u8> {
        let compute = async {
            let mut context = Crypto.digest(DigestAlgorithm::Sha256).expect("known");
            data.iter().for_each(|data| context.update(data));
            context.finish().expect("finished").to_vec()
        };
        sending(Some(marked(sent)), compute).await
    }

    #[tokio::test]
    async fn what_is_sent_is_known_by_its_place_and_everything_else_is_hashed() {
        let sent = ["first", "second"].map(|text| Bytes::from(text.as_bytes().to_vec()));
        let known = Digest::sha256(b"something else").as_bytes().to_vec();
        assert_eq!(hash(&sent, &[&sent[0], &sent[1]]).await, known);
        for others in [
            &[&sent[0][..]][..],
            &[&sent[1], &sent[0]],
            &[&sent[0], &sent[1], b"more"],
            &[&sent[0], b"second"],
            &[&sent[0][..4], &sent[0][4..], &sent[1]],
            &[b"GET\n/"],
            &[],
        ] {
            let expected = Digest::sha256(&others.concat());
            assert_eq!(hash(&sent, others).await, expected.as_bytes(), "{others:?}");
        }
    }

    #[test]
    fn without_anything_known_all_is_hashed_and_signed() {
        let mut context = Crypto.digest(DigestAlgorithm::Sha256).expect("known");
        context.update(b"a");
        context.update(b"b");
        assert_eq!(context.finish().expect("finished"), Digest::sha256(b"ab").as_bytes());
        let mut context = Crypto.hmac(DigestAlgorithm::Sha256, b"Jefe").expect("known");
        context.update(b"what do ya want ");
        context.update(b"for nothing?");
        let tag: &[u8] = context.finish().expect("finished");
        assert_eq!(tag, hmac::plain(b"Jefe", b"what do ya want for nothing?"));
        assert!(Crypto.sign(SigningAlgorithm::RS256, b"").is_err());
    }
}
