//! Names of headers, in lower case as HTTP/2 wants them.

macro_rules! headers {
    ($($constant:ident = $name:literal, $shown:literal, $summary:literal;)+) => {
        $(#[doc = $summary] pub const $constant: &str = $name;)+

        /// Every header that the table names: constant, spelling for people, meaning.
        pub(crate) const ALL: &[(&str, &str, &str)] = &[$(($constant, $shown, $summary)),+];
    };
}

headers! {
    ACCEPT = "accept", "Accept", "The media types that the client takes. Manifests are never converted: what does not fit is served all the same if `*/*` or nothing is asked for.";
    ACCEPT_RANGES = "accept-ranges", "Accept-Ranges", "`bytes`: parts of the blob can be asked for.";
    ALLOW = "allow", "Allow", "The methods of this path.";
    CACHE_CONTROL = "cache-control", "Cache-Control", "How long the answer may be kept.";
    CONNECTION = "connection", "Connection", "`close` where a body was not read to its end.";
    CONTENT_LENGTH = "content-length", "Content-Length", "The size of the body in bytes.";
    CONTENT_RANGE = "content-range", "Content-Range", "Of a request: `<first>-<last>`, the place of a chunk in its blob. Of an answer: `bytes <first>-<last>/<size>`.";
    CONTENT_TYPE = "content-type", "Content-Type", "The media type of the body.";
    DOCKER_CONTENT_DIGEST = "docker-content-digest", "Docker-Content-Digest", "The digest of the content.";
    DOCKER_DISTRIBUTION_API_VERSION = "docker-distribution-api-version", "Docker-Distribution-API-Version", "`registry/2.0`, on every answer below `/v2/`.";
    DOCKER_UPLOAD_UUID = "docker-upload-uuid", "Docker-Upload-UUID", "The id of the upload session.";
    ETAG = "etag", "ETag", "The digest of the content, in quotes.";
    HOST = "host", "Host", "The registry as the client names it.";
    IF_NONE_MATCH = "if-none-match", "If-None-Match", "ETags of content that the client has already.";
    IF_RANGE = "if-range", "If-Range", "The ETag of the content that the range belongs to; another one gives all of it.";
    LINK = "link", "Link", "Where the list goes on: `<…>; rel=\"next\"`.";
    LOCATION = "location", "Location", "Where the content, or the upload session, is.";
    OCI_CHUNK_MIN_LENGTH = "oci-chunk-min-length", "OCI-Chunk-Min-Length", "The smallest chunk that the registry takes.";
    OCI_FILTERS_APPLIED = "oci-filters-applied", "OCI-Filters-Applied", "`artifactType`, if the list is filtered by it.";
    OCI_NAMESPACE = "oci-namespace", "OCI-Namespace", "The upstream that the answer comes from.";
    OCI_SUBJECT = "oci-subject", "OCI-Subject", "The digest of the subject under which the manifest is listed as a referrer.";
    OCI_TAG = "oci-tag", "OCI-Tag", "Each tag that was set by a parameter.";
    RANGE = "range", "Range", "Of a request: the bytes that are wanted, `bytes=…`. Of an answer: `0-<last>`, the bytes that the upload session has.";
    RETRY_AFTER = "retry-after", "Retry-After", "When to come back, in seconds.";
    WARNING = "warning", "Warning", "A message for the person behind the client.";
    WWW_AUTHENTICATE = "www-authenticate", "WWW-Authenticate", "How to prove who asks.";
}

/// The value of [`DOCKER_DISTRIBUTION_API_VERSION`].
pub const API_VERSION: &str = "registry/2.0";

/// How a header is written for people: `Docker-Content-Digest`.
pub(crate) fn shown(name: &str) -> &str {
    ALL.iter().find(|(lower, _, _)| *lower == name).map_or(name, |(_, shown, _)| shown)
}
