//! Which parameter is wrong, from what the store answered.

use object_store::Error;
use wharf_driver_cloud::{Answer, Refused};
use wharf_driver_object::{Act, Unusable};

use crate::Options;

const UNKNOWN_KEY: &str = "the store does not know it";
const WRONG_SECRET: &str = "it does not belong to the accesskey";

/// Codes of S3, the parameter that each of them is about, and what is wrong with it.
const CODES: &[(&[&str], &str, &str)] = &[
    (&["NoSuchBucket"], "bucket", "there is no such bucket"),
    (&["InvalidBucketName"], "bucket", "this is no name of a bucket"),
    (&["AllAccessDisabled"], "bucket", "the bucket is closed"),
    (
        &[
            "PermanentRedirect",
            "TemporaryRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "InvalidRegionName",
        ],
        "region",
        "the bucket is in another region",
    ),
    (&["InvalidAccessKeyId"], "accesskey", UNKNOWN_KEY),
    (&["SignatureDoesNotMatch"], "secretkey", WRONG_SECRET),
    (&["ExpiredToken", "InvalidToken"], "sessiontoken", "it is not, or no longer, good"),
    (&["InvalidStorageClass"], "storageclass", "the store does not have it"),
    (
        &["AccessControlListNotSupported", "InvalidBucketAclWithObjectOwnership"],
        "objectacl",
        "the bucket takes no access lists",
    ),
    (
        &["KMS.NotFoundException", "KMS.DisabledException", "KMS.AccessDeniedException"],
        "keyid",
        "the key cannot be used",
    ),
    (&["NotImplemented", "InvalidEncryptionAlgorithmError"], "encrypt", "the store cannot do this"),
    (&["RequestTimeTooSkewed"], "regionendpoint", "its clock and ours do not agree"),
];

/// One sentence about the answer to one of the first requests.
pub(crate) fn explain(unusable: &Unusable, options: &Options) -> Refused {
    let answer = Answer::of(&unusable.error);
    let (parameter, problem) = wrong(unusable.act, &answer, options);
    Refused::new(parameter, problem).without(options.secrets())
}

/// One sentence about credentials that could not be had.
pub(crate) fn nobody(error: &Error, options: &Options) -> Refused {
    let answer = Answer::of(error);
    let problem = format!(
        "is missing, and neither the environment nor the machine has credentials ({answer})"
    );
    Refused::new("accesskey", problem).without(options.secrets())
}

/// What a policy calls the permission.
fn permission(act: Act) -> &'static str {
    match act {
        Act::Write => "s3:PutObject",
        Act::Read => "s3:GetObject",
        Act::List => "s3:ListBucket",
        Act::Delete => "s3:DeleteObject",
        Act::Abort => "s3:AbortMultipartUpload",
        Act::ListUploads => "s3:ListBucketMultipartUploads",
    }
}

/// What deletes many has no status for each.
fn is_denied(answer: &Answer) -> bool {
    matches!(answer.status, Some(401 | 403)) || answer.text.contains("AccessDenied")
}

/// What is wrong, from a store that has one code for all that it does not allow, as Garage.
fn in_words(answer: &Answer, options: &Options) -> Option<(&'static str, &'static str)> {
    if !is_denied(answer) {
        return None;
    }
    let mut words = answer.text.split_whitespace();
    if options.access().is_some_and(|key| words.any(|word| word == key)) {
        return Some(("accesskey", UNKNOWN_KEY));
    }
    answer.text.ends_with("Invalid signature").then_some(("secretkey", WRONG_SECRET))
}

fn wrong(act: Act, answer: &Answer, options: &Options) -> (&'static str, String) {
    let bucket = &options.bucket;
    let place = if options.endpoint.is_some() { "regionendpoint" } else { "region" };
    let row = CODES.iter().find(|(codes, ..)| answer.is(codes));
    let row = row.map(|(_, parameter, problem)| (*parameter, *problem));
    if let Some((parameter, problem)) = row.or_else(|| in_words(answer, options)) {
        return (
            parameter,
            format!("{problem}: the store answered for bucket {bucket:?}: {answer}"),
        );
    }
    match answer.status {
        Some(301 | 307 | 308) => (
            "region",
            format!("bucket {bucket:?} is in another region: the store answered {answer}"),
        ),
        _ if is_denied(answer) => (
            "bucket",
            format!(
                "these credentials may not {} ({}) in {bucket:?}: the store answered {answer}",
                act.verb(),
                permission(act)
            ),
        ),
        Some(404) => ("bucket", format!("there is no {bucket:?}: the store answered {answer}")),
        Some(_) => (place, format!("the store answered {answer}")),
        None => (place, format!("no answer from the store: {answer}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str, endpoint: bool) -> Refused {
        let options = Options {
            bucket: "b".into(),
            endpoint: endpoint.then(|| "http://e".into()),
            keys: Some(crate::Keys {
                access: "AK1".into(),
                secret: "hush".into(),
                session_token: None,
            }),
            ..Options::default()
        };
        let error = Error::Generic { store: "S3", source: text.to_owned().into() };
        explain(&Unusable { act: Act::List, error }, &options)
    }

    #[test]
    fn a_code_of_the_store_names_the_parameter() {
        for (status, code, parameter) in [
            ("404 Not Found", "NoSuchBucket", "bucket"),
            ("301 Moved Permanently", "PermanentRedirect", "region"),
            ("400 Bad Request", "AuthorizationHeaderMalformed", "region"),
            ("403 Forbidden", "InvalidAccessKeyId", "accesskey"),
            ("403 Forbidden", "SignatureDoesNotMatch", "secretkey"),
            ("400 Bad Request", "ExpiredToken", "sessiontoken"),
            ("403 Forbidden", "AccessDenied", "bucket"),
            ("400 Bad Request", "InvalidStorageClass", "storageclass"),
            ("500 Internal Server Error", "InternalError", "regionendpoint"),
        ] {
            let text = format!(
                "non-2xx status code: {status}: <Error><Code>{code}</Code><Message>hush</Message>"
            );
            let refused = explained(&text, true);
            assert_eq!(refused.parameter, parameter, "{code}");
            assert!(refused.problem.contains(code), "{refused}");
            assert!(!refused.problem.contains("hush"), "{refused}");
        }
    }

    #[test]
    fn a_permission_that_is_missing_is_named() {
        for text in [
            "non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied</Code></Error>",
            "DeleteObjects request failed for key k: no (code: AccessDenied)",
        ] {
            let refused = explained(text, true);
            let expected = "these credentials may not list (s3:ListBucket) in \"b\": ";
            assert!(refused.problem.starts_with(expected), "{refused}");
        }
    }

    #[test]
    fn a_store_with_one_code_for_everything_is_understood() {
        for (message, parameter) in [
            ("No such key: AK1", "accesskey"),
            ("Invalid signature", "secretkey"),
            ("No", "bucket"),
        ] {
            let text = format!(
                "non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied</Code>\
                 <Message>Forbidden: {message}</Message></Error>"
            );
            assert_eq!(explained(&text, true).parameter, parameter, "{message}");
        }
    }

    #[test]
    fn where_there_is_no_answer_the_address_is_wrong() {
        assert_eq!(explained("Connection refused", true).parameter, "regionendpoint");
        assert_eq!(explained("no such host", false).parameter, "region");
    }
}
