//! URLs of Amazon CloudFront, signed with its canned policy.
//!
//! CloudFront takes RSA signatures of SHA-1 only, which aws-lc-rs does not make.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rsa::{
    Pkcs1v15Sign, RsaPrivateKey, pkcs1::DecodeRsaPrivateKey, pkcs8::DecodePrivateKey,
    rand_core::OsRng,
};
use sha1::{Digest, Sha1};
use wharf_driver::StoragePath;

/// A distribution of CloudFront that serves a bucket to whoever has a signed URL.
pub struct CloudFront {
    base: String,
    key_pair_id: String,
    key: RsaPrivateKey,
    valid_for: Duration,
}

/// A text that is no RSA key in PEM, be it of PKCS#1 or of PKCS#8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKey;

/// What stands before a SHA-1 in a signature: its name, in DER (RFC 8017, section 9.2).
const SHA1_NAME: [u8; 15] = *b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";

// === impl CloudFront ===

impl CloudFront {
    /// Sends clients below a URL without a slash at its end, which stands for the folder that the driver
    /// keeps everything in. The key, in PEM, is what the distribution knows by `key_pair_id`.
    ///
    /// # Errors
    ///
    /// The text is no key.
    pub fn new(
        base: String,
        key_pair_id: String,
        pem: &str,
        valid_for: Duration,
    ) -> Result<Self, NoKey> {
        let key = RsaPrivateKey::from_pkcs1_pem(pem).ok();
        let key = key.or_else(|| RsaPrivateKey::from_pkcs8_pem(pem).ok()).ok_or(NoKey)?;
        // What S3 takes for a space.
        Ok(Self { base: base.replace('+', "%2B"), key_pair_id, key, valid_for })
    }

    /// A URL for a path that is good from now on for a while. Nothing if it cannot be signed: then
    /// clients are not sent away.
    pub(crate) fn url(&self, path: &StoragePath) -> Option<String> {
        let until = SystemTime::now() + self.valid_for;
        self.signed(path, until.duration_since(UNIX_EPOCH).ok()?.as_secs())
    }

    fn signed(&self, path: &StoragePath, until: u64) -> Option<String> {
        let (base, id) = (&self.base, &self.key_pair_id);
        let url = format!("{base}/{path}");
        let padding = Pkcs1v15Sign { hash_len: Some(20), prefix: SHA1_NAME.into() };
        let hash = Sha1::digest(policy(&url, until));
        let signature = self.key.sign_with_rng(&mut OsRng, padding, &hash).ok()?;
        let signature = in_url(&BASE64_STANDARD.encode(signature));
        Some(format!("{url}?Expires={until}&Signature={signature}&Key-Pair-Id={id}"))
    }
}

impl fmt::Debug for CloudFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloudFront({}, {}, …)", self.base, self.key_pair_id)
    }
}

/// The canned policy, which CloudFront makes of the request by itself and which therefore has to be
/// exactly this.
fn policy(url: &str, until: u64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{until}}}}}}}]}}"#
    )
}

/// CloudFront's own way to have base64 in a URL.
fn in_url(base64: &str) -> String {
    let other = |letter| match letter {
        '+' => '-',
        '=' => '_',
        '/' => '~',
        same => same,
    };
    base64.chars().map(other).collect()
}

// === impl NoKey ===

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is no RSA key in PEM")
    }
}

impl std::error::Error for NoKey {}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by openssl; see the README beside them.
    const KEY: &str = include_str!("../tests/cloudfront/private.pem");
    const POLICY: &str = include_str!("../tests/cloudfront/policy.json");
    const SIGNATURE: &str = include_str!("../tests/cloudfront/signature.txt");

    const BASE: &str = "https://d111111abcdef8.cloudfront.net/registry";
    const UNTIL: u64 = 1_767_290_400;

    fn cloudfront(pem: &str) -> Result<CloudFront, NoKey> {
        CloudFront::new(BASE.into(), "K2JCJMDEHXQW5F".into(), pem, Duration::from_secs(1200))
    }

    fn path() -> StoragePath {
        StoragePath::parse("docker/registry/v2/blobs/data").expect("a valid path")
    }

    #[test]
    fn a_url_is_signed_as_openssl_signs_its_policy() {
        let url = format!("{BASE}/{}", path());
        assert_eq!(policy(&url, UNTIL), POLICY);
        let signature = SIGNATURE.trim();
        let expected =
            format!("{url}?Expires={UNTIL}&Signature={signature}&Key-Pair-Id=K2JCJMDEHXQW5F");
        let signed = cloudfront(KEY).expect("a key").signed(&path(), UNTIL);
        assert_eq!(signed.as_deref(), Some(expected.as_str()));
    }

    #[test]
    fn a_url_is_good_for_as_long_as_was_asked_for() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let url = cloudfront(KEY).expect("a key").url(&path()).expect("signed");
        let (_, until) = url.split_once("Expires=").expect("it has an end");
        let until: u64 = until.split('&').next().expect("a number").parse().expect("a number");
        assert!((now + 1200..now + 1800).contains(&until), "{url}");
    }

    #[test]
    fn what_is_no_key_is_refused_and_no_key_is_told() {
        assert_eq!(cloudfront("-----BEGIN RSA PRIVATE KEY-----\n").err(), Some(NoKey));
        let shown = format!("{:?}", cloudfront(KEY).expect("a key"));
        assert_eq!(shown, format!("CloudFront({BASE}, K2JCJMDEHXQW5F, …)"));
    }
}
