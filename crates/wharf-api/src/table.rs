//! The API.

use crate::{
    Action, Effect, Endpoint, ErrorCode as Code, Method, Operation, Parameter, Permission,
    Permissions, Row, Success, header as h,
};

/// Every method of every endpoint. Where two rows cover a method, the first counts.
pub static TABLE: &[Row] = &complete();

/// What the registry does. `HEAD` and `OPTIONS` follow from it, so that no row can lack them.
const ROWS: &[Row] = &[
    Row {
        endpoint: Endpoint::Alive,
        method: Method::Get,
        operation: Operation::Alive,
        permissions: ANYONE,
        effect: Effect::Reads,
        parameters: &[],
        request_headers: &[],
        response_headers: &[h::CACHE_CONTROL],
        successes: &[success(200, "the server is alive; no body")],
        errors: &[],
        summary: "Says that the server is alive.",
    },
    Row {
        endpoint: Endpoint::Base,
        method: Method::Get,
        operation: Operation::Base,
        permissions: KNOWN,
        effect: Effect::Reads,
        parameters: &[],
        request_headers: &[],
        response_headers: &[h::DOCKER_DISTRIBUTION_API_VERSION, h::CONTENT_LENGTH],
        successes: &[success(200, "the registry speaks this API, and knows the client; `{}`")],
        errors: &[],
        summary: "Says that the registry speaks this API, and whether it takes the client's \
                  credentials. Other methods are answered like `GET`.",
    },
    Row {
        endpoint: Endpoint::Catalog,
        method: Method::Get,
        operation: Operation::CatalogList,
        permissions: Permissions::all(&[Permission::Catalog]),
        effect: Effect::Reads,
        parameters: &[
            parameter(
                "n",
                "The most names on the page. 100 without it; beyond the registry's limit it is refused.",
            ),
            parameter("last", "Only names after this one."),
        ],
        request_headers: &[],
        response_headers: &[h::CONTENT_TYPE, h::CONTENT_LENGTH, h::LINK],
        successes: &[success(200, "`{\"repositories\": […]}`")],
        errors: &[Code::PaginationNumberInvalid],
        summary: "Lists the repositories that hold manifests, in byte order.",
    },
    Row {
        endpoint: Endpoint::TagsList,
        method: Method::Get,
        operation: Operation::TagsList,
        permissions: PULL,
        effect: Effect::Reads,
        parameters: &[
            parameter(
                "n",
                "The most tags on the page. 10,000 without it; beyond the registry's limit it is lowered to that.",
            ),
            parameter("last", "Only tags after this one; it need not exist."),
        ],
        request_headers: &[],
        response_headers: &[h::CONTENT_TYPE, h::CONTENT_LENGTH, h::LINK],
        successes: &[success(200, "`{\"name\": …, \"tags\": […]}`")],
        errors: &[Code::NameInvalid, Code::NameUnknown, Code::PaginationNumberInvalid],
        summary: "Lists the tags of a repository, in byte order.",
    },
    Row {
        endpoint: Endpoint::Manifest,
        method: Method::Get,
        operation: Operation::ManifestGet,
        permissions: PULL,
        effect: Effect::Reads,
        parameters: &[],
        request_headers: &[h::ACCEPT, h::IF_NONE_MATCH],
        response_headers: MANIFEST_HEADERS,
        successes: &[
            success(200, "the manifest, byte for byte as it was pushed"),
            success(304, "the client has it already"),
        ],
        errors: &[Code::NameInvalid, Code::DigestInvalid, Code::ManifestUnknown],
        summary: "Reads a manifest by tag or digest.",
    },
    Row {
        endpoint: Endpoint::Manifest,
        method: Method::Put,
        operation: Operation::ManifestPut,
        permissions: PUSH,
        effect: Effect::Writes,
        parameters: &[Parameter {
            name: "tag",
            repeated: true,
            summary: "A tag that points to the manifest afterwards, for a push by digest.",
        }],
        request_headers: &[h::CONTENT_TYPE, h::CONTENT_LENGTH],
        response_headers: &[h::LOCATION, h::DOCKER_CONTENT_DIGEST, h::OCI_SUBJECT, h::OCI_TAG],
        successes: &[success(201, "the manifest is stored, durably")],
        errors: &[
            Code::NameInvalid,
            Code::TagInvalid,
            Code::DigestInvalid,
            Code::SizeInvalid,
            Code::ManifestInvalid,
            Code::ManifestBlobUnknown,
        ],
        summary: "Stores a manifest. One that is larger than the limit (4 MiB) is refused with 413.",
    },
    Row {
        endpoint: Endpoint::Manifest,
        method: Method::Delete,
        operation: Operation::ManifestDelete,
        permissions: DELETE,
        effect: Effect::Deletes,
        parameters: &[],
        request_headers: &[],
        response_headers: &[],
        successes: &[success(202, "it is gone; the next request does not find it")],
        errors: &[Code::NameInvalid, Code::DigestInvalid, Code::NameUnknown, Code::ManifestUnknown],
        summary: "Deletes a tag; or, by digest, a manifest and every tag that points to it.",
    },
    Row {
        endpoint: Endpoint::Blob,
        method: Method::Get,
        operation: Operation::BlobGet,
        permissions: PULL,
        effect: Effect::Reads,
        parameters: &[],
        request_headers: &[h::RANGE, h::IF_RANGE, h::IF_NONE_MATCH],
        response_headers: BLOB_HEADERS,
        successes: &[
            success(200, "the blob"),
            success(206, "the parts that were asked for; several as `multipart/byteranges`"),
            success(304, "the client has it already"),
            success(307, "the storage backend serves it; no body"),
        ],
        errors: &[Code::NameInvalid, Code::DigestInvalid, Code::BlobUnknown, Code::RangeInvalid],
        summary: "Reads a blob, or parts of it.",
    },
    Row {
        endpoint: Endpoint::Blob,
        method: Method::Delete,
        operation: Operation::BlobDelete,
        permissions: DELETE,
        effect: Effect::Deletes,
        parameters: &[],
        request_headers: &[],
        response_headers: &[],
        successes: &[success(
            202,
            "it is gone from this repository; the next request does not find it",
        )],
        errors: &[Code::NameInvalid, Code::DigestInvalid, Code::NameUnknown, Code::BlobUnknown],
        summary: "Takes a blob out of a repository. Others keep it.",
    },
    Row {
        endpoint: Endpoint::BlobUploads,
        method: Method::Post,
        operation: Operation::UploadStart,
        permissions: Permissions::all(&[
            Permission::Repository(Action::Pull),
            Permission::Repository(Action::Push),
            Permission::MountSource,
        ]),
        effect: Effect::Writes,
        parameters: &[
            parameter(
                "digest",
                "The digest of the blob, which is the body: the whole push in one request.",
            ),
            parameter("mount", "The digest of a blob that another repository may have already."),
            parameter(
                "from",
                "The repository to mount from. Without it the registry looks for one.",
            ),
            parameter(
                "digest-algorithm",
                "The algorithm that the closing `digest` will use, if not sha256.",
            ),
        ],
        request_headers: &[h::CONTENT_LENGTH, h::CONTENT_TYPE],
        response_headers: &[h::LOCATION, h::RANGE, h::DOCKER_UPLOAD_UUID, h::DOCKER_CONTENT_DIGEST],
        successes: &[
            success(201, "the blob is here: mounted, or pushed by this request"),
            success(202, "a session has begun, at the `Location`"),
        ],
        errors: &[Code::NameInvalid, Code::DigestInvalid, Code::SizeInvalid],
        summary: "Begins an upload, mounts a blob from another repository, or pushes one at once.",
    },
    Row {
        endpoint: Endpoint::BlobUpload,
        method: Method::Get,
        operation: Operation::UploadStatus,
        permissions: PULL,
        effect: Effect::Reads,
        parameters: &[],
        request_headers: &[],
        response_headers: UPLOAD_HEADERS,
        successes: &[success(204, "`Range` and `Location` say where to go on")],
        errors: &[Code::NameInvalid, Code::BlobUploadUnknown],
        summary: "Says where an upload stands. Needs no state in the URL, and gives a fresh one.",
    },
    Row {
        endpoint: Endpoint::BlobUpload,
        method: Method::Patch,
        operation: Operation::UploadAppend,
        permissions: PUSH,
        effect: Effect::Writes,
        parameters: &[STATE],
        request_headers: &[h::CONTENT_LENGTH, h::CONTENT_RANGE, h::CONTENT_TYPE],
        response_headers: UPLOAD_HEADERS,
        successes: &[success(202, "the bytes are taken, durably")],
        errors: UPLOAD_ERRORS,
        summary: "Sends the next bytes of an upload: a chunk with `Content-Range`, or a stream.",
    },
    Row {
        endpoint: Endpoint::BlobUpload,
        method: Method::Put,
        operation: Operation::UploadCommit,
        permissions: PUSH,
        effect: Effect::Writes,
        parameters: &[STATE, parameter("digest", "The digest of the whole blob. Required.")],
        request_headers: &[h::CONTENT_LENGTH, h::CONTENT_RANGE, h::CONTENT_TYPE],
        response_headers: &[h::LOCATION, h::DOCKER_CONTENT_DIGEST],
        successes: &[success(201, "the blob is stored, durably")],
        errors: UPLOAD_ERRORS,
        summary: "Ends an upload, with its last bytes if any are missing. If it fails, the session \
                  lives on.",
    },
    Row {
        endpoint: Endpoint::BlobUpload,
        method: Method::Delete,
        operation: Operation::UploadCancel,
        permissions: PUSH,
        effect: Effect::Writes,
        parameters: &[STATE],
        request_headers: &[],
        response_headers: &[h::DOCKER_UPLOAD_UUID],
        successes: &[success(204, "the session and its bytes are gone")],
        errors: &[Code::NameInvalid, Code::BlobUploadUnknown, Code::BlobUploadInvalid],
        summary: "Gives an upload up. Whoever may push may do so, and deletes need not be on.",
    },
    Row {
        endpoint: Endpoint::Referrers,
        method: Method::Get,
        operation: Operation::ReferrersList,
        permissions: PULL,
        effect: Effect::Reads,
        parameters: &[
            parameter("artifactType", "Only referrers of this type."),
            parameter("n", "The most referrers on the page; 1,000 at most."),
            parameter("last", "Where the page begins, from the `Link` of the page before."),
        ],
        request_headers: &[],
        response_headers: &[h::CONTENT_TYPE, h::CONTENT_LENGTH, h::OCI_FILTERS_APPLIED, h::LINK],
        successes: &[success(200, "an image index of the referrers; empty if there are none")],
        errors: &[Code::NameInvalid, Code::DigestInvalid, Code::PaginationNumberInvalid],
        summary: "Lists the manifests whose subject is this digest, whether it exists or not.",
    },
    Row {
        endpoint: Endpoint::Repository,
        method: Method::Delete,
        operation: Operation::RepositoryDelete,
        permissions: Permissions::all(&[Permission::Repository(Action::Remove)]),
        effect: Effect::Deletes,
        parameters: &[],
        request_headers: &[],
        response_headers: &[],
        successes: &[success(202, "it is gone; the next request does not find it")],
        errors: &[Code::NameUnknown],
        summary: "Deletes a repository with its tags, manifests and uploads, but not the repositories \
                  below its name. One that was broken off is finished by another one. The path ends \
                  with a slash. Not part of the specification.",
    },
];

const ANYONE: Permissions = Permissions::all(&[Permission::None]);
const KNOWN: Permissions = Permissions::all(&[Permission::Authenticated]);
const PULL: Permissions = Permissions::all(&[Permission::Repository(Action::Pull)]);
const PUSH: Permissions =
    Permissions::all(&[Permission::Repository(Action::Pull), Permission::Repository(Action::Push)]);
const DELETE: Permissions = Permissions::all(&[Permission::Repository(Action::Delete)]);

const MANIFEST_HEADERS: &[&str] =
    &[h::CONTENT_TYPE, h::CONTENT_LENGTH, h::DOCKER_CONTENT_DIGEST, h::ETAG];
const BLOB_HEADERS: &[&str] = &[
    h::CONTENT_TYPE,
    h::CONTENT_LENGTH,
    h::CONTENT_RANGE,
    h::ACCEPT_RANGES,
    h::DOCKER_CONTENT_DIGEST,
    h::ETAG,
    h::CACHE_CONTROL,
    h::LOCATION,
];
const UPLOAD_HEADERS: &[&str] = &[h::LOCATION, h::RANGE, h::DOCKER_UPLOAD_UUID];
const UPLOAD_ERRORS: &[Code] = &[
    Code::NameInvalid,
    Code::DigestInvalid,
    Code::SizeInvalid,
    Code::RangeInvalid,
    Code::BlobUploadUnknown,
    Code::BlobUploadInvalid,
];
const ALLOWED: &[Success] = &[success(200, "`Allow` has the methods")];
const STATE: Parameter = parameter(
    "_state",
    "From the `Location` of the answer before: proves where the session comes from.",
);

const fn parameter(name: &'static str, summary: &'static str) -> Parameter {
    Parameter { name, repeated: false, summary }
}

const fn success(status: u16, summary: &'static str) -> Success {
    Success { status, summary }
}

/// The number of rows: each `GET` brings its `HEAD`, each endpoint an `OPTIONS`, and `/v2/` answers
/// to every method, as docker/distribution does.
const COUNT: usize = {
    let mut count = ROWS.len() + Endpoint::ALL.len() + 1;
    let mut at = 0;
    while at < ROWS.len() {
        count += matches!(ROWS[at].method, Method::Get) as usize;
        at += 1;
    }
    count
};

const fn complete() -> [Row; COUNT] {
    let mut rows = [ROWS[0]; COUNT];
    let (mut at, mut from) = (0, 0);
    while from < ROWS.len() {
        rows[at] = ROWS[from];
        at += 1;
        if matches!(ROWS[from].method, Method::Get) {
            rows[at] = head(ROWS[from]);
            at += 1;
        }
        from += 1;
    }
    let mut endpoint = 0;
    while endpoint < Endpoint::ALL.len() {
        rows[at] = options(Endpoint::ALL[endpoint]);
        at += 1;
        endpoint += 1;
    }
    rows[at] = any(rows[BASE]);
    rows
}

/// Where `GET /v2/` stands among the complete rows.
const BASE: usize = 2;

const fn head(get: Row) -> Row {
    let operation = match get.operation {
        Operation::ManifestGet => Operation::ManifestHead,
        Operation::BlobGet => Operation::BlobHead,
        same => same,
    };
    Row { method: Method::Head, operation, summary: "Like `GET`, without the body.", ..get }
}

const fn any(base: Row) -> Row {
    assert!(matches!(base.operation, Operation::Base));
    Row { method: Method::Any, summary: "Like `GET`.", ..base }
}

const fn options(endpoint: Endpoint) -> Row {
    Row {
        endpoint,
        method: Method::Options,
        operation: Operation::Options,
        permissions: ANYONE,
        effect: Effect::Reads,
        parameters: &[],
        request_headers: &[],
        response_headers: &[h::ALLOW],
        successes: ALLOWED,
        errors: &[],
        summary: "Says which methods the path has.",
    }
}
