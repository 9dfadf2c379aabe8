//! New objects get the storage class and the access list that the operator wants.
//!
//! `object_store` has no option for either. Both are headers of the three requests that make an object,
//! and of no other: Amazon refuses a part that comes with them. As headers of Amazon's they have to be
//! signed, so these requests are signed again.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, Method, header::AUTHORIZATION};
use object_store::{
    ClientOptions,
    aws::{AwsAuthorizer, AwsCredentialProvider},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    },
};
use wharf_driver_cloud::{Connector, Refused};

use crate::{Options, endpoint::region};

/// The headers, and who signs.
#[derive(Debug)]
pub(crate) struct Dress {
    headers: Vec<(HeaderName, HeaderValue)>,
    region: String,
    credentials: OnceLock<AwsCredentialProvider>,
}

/// Makes clients that add the headers.
#[derive(Debug)]
pub(crate) struct DressingConnector {
    pub(crate) dress: Arc<Dress>,
    pub(crate) inner: Connector,
}

#[derive(Debug)]
struct DressingClient {
    dress: Arc<Dress>,
    inner: HttpClient,
}

static CLASS: HeaderName = HeaderName::from_static("x-amz-storage-class");
static ACL: HeaderName = HeaderName::from_static("x-amz-acl");
static BODY_DIGEST: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// What stands for the digest of a body that is not signed.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

// === impl Dress ===

impl Dress {
    /// Nothing, if nothing has to be added.
    pub(crate) fn of(options: &Options) -> Result<Option<Self>, Refused> {
        let headers = [(&CLASS, options.storage_class), (&ACL, options.acl)];
        let headers: Vec<_> = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name.clone(), HeaderValue::from_static(value?))))
            .collect();
        let (region, credentials) = (region(options)?, OnceLock::new());
        Ok((!headers.is_empty()).then_some(Self { headers, region, credentials }))
    }

    /// Says who signs. Nothing is added before.
    pub(crate) fn sign_with(&self, credentials: AwsCredentialProvider) {
        // It is said once.
        self.credentials.set(credentials).ok();
    }

    async fn put_on(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        let Some(credentials) = self.credentials.get().filter(|_| makes_an_object(request)) else {
            return Ok(());
        };
        let credential = credentials.get_credential().await?;
        let headers = request.headers_mut();
        headers.remove(AUTHORIZATION);
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        let digest = headers.get(&BODY_DIGEST).and_then(|value| value.to_str().ok());
        let digest = digest.filter(|digest| *digest != UNSIGNED).and_then(from_hex);
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .with_sign_payload(digest.is_some())
            .try_authorize(request, digest.as_deref())
    }
}

/// `PutObject`, `CopyObject` or `CreateMultipartUpload`, and none of a token service.
fn makes_an_object(request: &HttpRequest) -> bool {
    let signed = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let query = request.uri().query().unwrap_or_default();
    let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let has = |wanted: &str| names.clone().any(|name| name == wanted);
    signed.is_some_and(|signed| signed.starts_with("AWS4-"))
        && match *request.method() {
            Method::PUT => !has("uploadId"),
            Method::POST => has("uploads"),
            _ => false,
        }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

// === impl DressingConnector ===

impl HttpConnector for DressingConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = self.inner.connect(options)?;
        Ok(HttpClient::new(DressingClient { dress: self.dress.clone(), inner }))
    }
}

// === impl DressingClient ===

#[async_trait]
impl HttpService for DressingClient {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let signed = self.dress.put_on(&mut request).await;
        signed.map_err(|error| HttpError::new(HttpErrorKind::Request, error))?;
        self.inner.execute(request).await
    }
}

#[cfg(test)]
mod tests {
    use object_store::client::HttpRequestBody;

    use super::*;

    fn request(method: Method, url: &str) -> HttpRequest {
        http::Request::builder()
            .method(method)
            .uri(url)
            .header(AUTHORIZATION, "AWS4-HMAC-SHA256 x")
            .header(&BODY_DIGEST, UNSIGNED)
            .body(HttpRequestBody::empty())
            .expect("valid")
    }

    #[test]
    fn only_what_makes_an_object_is_dressed() {
        for (method, url, expected) in [
            (Method::PUT, "http://h/b/k", true),
            (Method::POST, "http://h/b/k?uploads=", true),
            (Method::PUT, "http://h/b/k?partNumber=1&uploadId=u", false),
            (Method::POST, "http://h/b/k?uploadId=u", false),
            (Method::POST, "http://h/b?delete", false),
            (Method::GET, "http://h/b/k", false),
        ] {
            assert_eq!(makes_an_object(&request(method, url)), expected, "{url}");
        }
        let mut foreign = request(Method::PUT, "http://169.254.169.254/latest/api/token");
        foreign.headers_mut().remove(AUTHORIZATION);
        assert!(!makes_an_object(&foreign));
    }

    #[tokio::test]
    async fn what_is_added_is_signed() {
        let options = Options {
            region: Some("eu-west-1".into()),
            storage_class: Some("STANDARD_IA"),
            acl: Some("bucket-owner-full-control"),
            ..Options::default()
        };
        let dress = Dress::of(&options).expect("valid").expect("something to add");
        let mut plain = request(Method::PUT, "http://h/b/k");
        dress.put_on(&mut plain).await.expect("signed");
        assert!(plain.headers().get(&CLASS).is_none());

        let credential = object_store::aws::AwsCredential {
            key_id: "A".into(),
            secret_key: "S".into(),
            token: None,
        };
        let provider = object_store::StaticCredentialProvider::new(credential);
        dress.sign_with(Arc::new(provider));
        let mut put = request(Method::PUT, "http://h/b/k");
        dress.put_on(&mut put).await.expect("signed");
        let signed = put.headers()[AUTHORIZATION].to_str().expect("text");
        assert!(
            signed.contains("x-amz-acl;") && signed.contains("x-amz-storage-class"),
            "{signed}"
        );
        assert_eq!(put.headers()[&BODY_DIGEST], UNSIGNED);
        assert!(
            Dress::of(&Options { region: Some("x".into()), ..Options::default() })
                .expect("valid")
                .is_none()
        );
    }
}
