//! Which parameter is wrong, from what the store answered.

use object_store::Error;
use wharf_driver_cloud::{Answer, Refused};
use wharf_driver_object::{Act, Unusable};

use crate::{Credentials, Options};

/// What a role calls the permission.
fn permission(act: Act) -> &'static str {
    match act {
        Act::Write => "storage.objects.create",
        Act::Read => "storage.objects.get",
        Act::List => "storage.objects.list",
        Act::Delete => "storage.objects.delete",
        Act::Abort => "storage.multipartUploads.abort",
        Act::ListUploads => "storage.multipartUploads.list",
    }
}

/// One sentence about the answer to one of the first requests.
pub(crate) fn explain(unusable: &Unusable, options: &Options) -> Refused {
    let (act, answer) = (unusable.act, Answer::of(&unusable.error));
    let bucket = &options.bucket;
    match answer.status {
        _ if answer.is(&["NoSuchBucket"]) => {
            Refused::new("bucket", format!("there is no {bucket:?}: the store answered {answer}"))
        }
        _ if answer.is(&["InvalidBucketName"]) => {
            Refused::new("bucket", format!("{bucket:?} is no name of a bucket: {answer}"))
        }
        Some(404) => Refused::new("bucket", format!("there is no {bucket:?}: {answer}")),
        Some(401) => Refused::new(parameter(options), format!("it is not accepted: {answer}")),
        Some(403) => Refused::new(
            "bucket",
            format!(
                "these credentials may not {} ({}) in {bucket:?} (the role \"Storage Object Admin\" \
                 has it all): the store answered {answer}",
                act.verb(),
                permission(act)
            ),
        ),
        Some(_) => Refused::new("endpoint", format!("the store answered {answer}")),
        None => Refused::new("endpoint", format!("no answer from the store: {answer}")),
    }
}

/// One sentence about credentials that could not be had.
pub(crate) fn nobody(error: &Error, options: &Options) -> Refused {
    let answer = Answer::of(error);
    let problem = match &options.credentials {
        Credentials::Default => "is missing, and neither the environment nor the machine has any",
        _ => "no token was given for it",
    };
    Refused::new(parameter(options), format!("{problem}: {answer}"))
}

fn parameter(options: &Options) -> &'static str {
    match options.credentials {
        Credentials::Key(_) => "credentials",
        Credentials::File(_) | Credentials::Default => "keyfile",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_store_names_the_parameter() {
        let file = Credentials::File("/k".into());
        let options = Options { bucket: "b".into(), credentials: file, ..Options::default() };
        for (text, parameter) in [
            ("non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>", "bucket"),
            ("non-2xx status code: 400 Bad Request: <Code>InvalidBucketName</Code>", "bucket"),
            ("non-2xx status code: 403 Forbidden: <Code>AccessDenied</Code>", "bucket"),
            ("non-2xx status code: 401 Unauthorized: ", "keyfile"),
            ("non-2xx status code: 503 Service Unavailable: ", "endpoint"),
            ("no such host", "endpoint"),
        ] {
            let error = Error::Generic { store: "GCS", source: text.into() };
            let unusable = Unusable { act: Act::Read, error };
            assert_eq!(explain(&unusable, &options).parameter, parameter, "{text}");
        }
        let grant = "non-2xx status code: 400 Bad Request: {\"error\":\"invalid_grant\"}";
        let refused = nobody(&Error::Generic { store: "GCS", source: grant.into() }, &options);
        assert_eq!(refused.to_string(), "keyfile: no token was given for it: 400 invalid_grant");
    }
}
