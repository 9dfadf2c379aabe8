//! Multipart uploads that nobody finished.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::{FutureExt, TryFutureExt, future::ready};
use http::{Method, Request};
use object_store::{
    Error, Result,
    client::{HttpRequest, HttpRequestBody},
    multipart::MultipartStore,
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use wharf_driver_cloud::xml::{element, elements, unescape};
use wharf_driver_object::{Orphan, OrphanPage, Orphans};

use crate::build::Bucket;

/// Lists and aborts them.
#[derive(Debug)]
pub(crate) struct Unfinished(pub(crate) Arc<Bucket>);

const VALID_FOR: Duration = Duration::from_secs(15 * 60);

/// Stands between the two markers of a token; no key has it.
const BETWEEN: char = '\n';

// === impl Unfinished ===

#[async_trait]
impl Orphans for Unfinished {
    async fn list(&self, prefix: &str, token: Option<String>) -> Result<OrphanPage> {
        let mut query = vec![("uploads", ""), ("prefix", prefix)];
        if let Some((key, upload)) = token.as_deref().and_then(|token| token.split_once(BETWEEN)) {
            query.extend([("key-marker", key), ("upload-id-marker", upload)]);
        }
        let options = SignedUrlOptions::new().with_query(query);
        let bucket = Path::default();
        let make = || {
            let url = self.0.store.signed_url_opts(Method::GET, &bucket, VALID_FOR, &options);
            url.and_then(|url| ready(request(url.as_str()))).boxed()
        };
        let reply = self.0.requests.send(&prefix, &make).await?;
        read(&reply.text())
    }

    async fn abort(&self, orphan: &Orphan) -> Result<()> {
        match self.0.store.abort_multipart(&orphan.location, &orphan.id).await {
            Err(Error::NotFound { .. }) => Ok(()),
            result => result,
        }
    }
}

fn request(url: &str) -> Result<HttpRequest> {
    Request::builder().uri(url).body(HttpRequestBody::empty()).map_err(unexpected)
}

fn read(xml: &str) -> Result<OrphanPage> {
    let orphans = elements(xml, "Upload").map(orphan).collect::<Result<_>>()?;
    let more = element(xml, "IsTruncated") == Some("true");
    let marker = |name| element(xml, name).map(unescape).unwrap_or_default();
    let token = more
        .then(|| format!("{}{BETWEEN}{}", marker("NextKeyMarker"), marker("NextUploadIdMarker")));
    // A marker of nothing would begin anew, for ever.
    Ok(OrphanPage { orphans, token: token.filter(|token| token.len() > BETWEEN.len_utf8()) })
}

fn orphan(xml: &str) -> Result<Orphan> {
    let field = |name| element(xml, name).map(unescape);
    let missing = || unexpected(format!("an unfinished upload without its fields: {xml}"));
    let begun: jiff::Timestamp =
        field("Initiated").ok_or_else(missing)?.parse().map_err(unexpected)?;
    Ok(Orphan {
        location: Path::parse(field("Key").ok_or_else(missing)?)?,
        id: field("UploadId").ok_or_else(missing)?,
        begun: SystemTime::from(begun),
    })
}

fn unexpected(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "S3", source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>\
        <NextKeyMarker>a/b&amp;c</NextKeyMarker><NextUploadIdMarker>u2</NextUploadIdMarker>\
        <Upload><Key>a/b</Key><UploadId>u1</UploadId>\
        <Initiator><ID>x</ID></Initiator><Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>\
        </ListMultipartUploadsResult>";

    #[test]
    fn a_page_says_what_is_unfinished_and_where_to_go_on() {
        let page = read(PAGE).expect("valid");
        assert_eq!(page.token.as_deref(), Some("a/b&c\nu2"));
        let [orphan] = &page.orphans[..] else { panic!("{page:?}") };
        assert_eq!((orphan.location.as_ref(), orphan.id.as_str()), ("a/b", "u1"));
        let age = orphan.begun.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        assert_eq!(age.as_secs(), 1_767_323_045);
    }

    #[test]
    fn the_last_page_has_no_token_and_a_broken_one_is_an_error() {
        let last = read(&PAGE.replace("true", "false")).expect("valid");
        assert_eq!(last.token, None);
        let nowhere = "<IsTruncated>true</IsTruncated>";
        assert_eq!(read(nowhere).expect("valid").token, None);
        assert!(read("<Upload><Key>a</Key></Upload>").is_err());
    }
}
