//! Which parameter is wrong, from what the store answered.

use object_store::Error;
use wharf_driver_cloud::{Answer, Refused};
use wharf_driver_object::{Act, Unusable};

use crate::{Credentials, Options};

/// Codes of the store, the parameter that each of them is about, and what is wrong with it.
const CODES: &[(&[&str], &str, &str)] = &[
    (&["ContainerNotFound", "ResourceNotFound"], "container", "there is no such container"),
    (
        &["InvalidResourceName", "OutOfRangeInput", "InvalidUri"],
        "container",
        "this is no name of a container",
    ),
    (&["ContainerBeingDeleted", "ContainerDisabled"], "container", "it cannot be used"),
    (&["AccountIsDisabled", "InvalidAccountName"], "accountname", "the account cannot be used"),
    (&["InsufficientAccountPermissions"], "accountname", "it does not allow this"),
];

/// Codes of the service that gives out tokens.
const TOKENS: &[(&[&str], &str, &str)] = &[
    (&["invalid_client"], "credentials.secret", "it does not belong to this application"),
    (&["unauthorized_client"], "credentials.clientid", "the tenant does not know it"),
    (&["invalid_request", "invalid_tenant"], "credentials.tenantid", "there is no such tenant"),
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
    let row = TOKENS.iter().find(|(codes, ..)| answer.is(codes));
    let (parameter, problem) = match (row, &options.credentials) {
        (Some((_, parameter, problem)), Credentials::ClientSecret { .. }) => (*parameter, *problem),
        (_, Credentials::ClientSecret { .. }) => ("credentials", "no token was given for them"),
        _ => ("credentials", "neither the environment nor the machine has any"),
    };
    Refused::new(parameter, format!("{problem}: {answer}")).without(options.secrets())
}

fn wrong(act: Act, answer: &Answer, options: &Options) -> (&'static str, String) {
    let container = &options.container;
    if let Some((_, parameter, problem)) = CODES.iter().find(|(codes, ..)| answer.is(codes)) {
        let problem = format!("{problem}: the store answered for {container:?}: {answer}");
        return (parameter, problem);
    }
    match (answer.status, &options.credentials) {
        (Some(401 | 403), Credentials::SharedKey(_)) if not_authentic(answer) => {
            ("accountkey", format!("it is not a key of {:?}: {answer}", options.account))
        }
        (Some(401 | 403), _) => (
            "credentials",
            format!(
                "they may not {} in {container:?} (it takes the role \"Storage Blob Data \
                 Contributor\"): the store answered {answer}",
                act.verb()
            ),
        ),
        (Some(404), _) => ("container", format!("there is no {container:?}: {answer}")),
        (Some(_), _) => (place(options), format!("the store answered {answer}")),
        (None, _) => (place(options), format!("no answer from the store: {answer}")),
    }
}

/// Emulators have another code for it, but the same text.
fn not_authentic(answer: &Answer) -> bool {
    answer.is(&["AuthenticationFailed"]) || answer.text.contains("failed to authenticate")
}

/// Where the address comes from.
fn place(options: &Options) -> &'static str {
    let derived = options.service_url.starts_with(&format!("https://{}.blob.", options.account));
    if derived { "accountname" } else { "serviceurl" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(credentials: Credentials) -> Options {
        Options {
            account: "a".into(),
            container: "c".into(),
            service_url: "https://a.blob.core.windows.net".into(),
            credentials,
            ..Options::default()
        }
    }

    fn failed(text: &str) -> Unusable {
        Unusable { act: Act::Write, error: error(text) }
    }

    fn error(text: &str) -> Error {
        Error::Generic { store: "MicrosoftAzure", source: text.to_owned().into() }
    }

    #[test]
    fn a_code_of_the_store_names_the_parameter() {
        let key = options(Credentials::SharedKey("hush".into()));
        let other = options(Credentials::Default);
        for (options, status, code, parameter) in [
            (&key, "404 Not Found", "ContainerNotFound", "container"),
            (&key, "400 Bad Request", "InvalidResourceName", "container"),
            (&key, "403 Forbidden", "AuthenticationFailed", "accountkey"),
            (&key, "403 Forbidden", "AuthorizationFailure", "credentials"),
            (&other, "403 Forbidden", "AuthorizationPermissionMismatch", "credentials"),
            (&key, "503 Service Unavailable", "ServerBusy", "accountname"),
        ] {
            let text = format!(
                "non-2xx status code: {status}: <Error><Code>{code}</Code><Message>hush</Message>"
            );
            let refused = explain(&failed(&text), options);
            assert_eq!(refused.parameter, parameter, "{code}");
            assert!(refused.problem.contains(code), "{refused}");
        }
        assert_eq!(explain(&failed("no such host"), &key).parameter, "accountname");
    }

    #[test]
    fn who_gives_out_tokens_says_what_is_wrong_with_an_application() {
        let application = options(Credentials::ClientSecret {
            client: "i".into(),
            tenant: "t".into(),
            secret: "hush".into(),
        });
        for (code, parameter) in [
            ("invalid_client", "credentials.secret"),
            ("unauthorized_client", "credentials.clientid"),
            ("invalid_request", "credentials.tenantid"),
            ("temporarily_unavailable", "credentials"),
        ] {
            let text = format!(
                "non-2xx status code: 400 Bad Request: {{\"error\":\"{code}\",\
                 \"error_description\":\"hush\"}}"
            );
            let refused = nobody(&error(&text), &application);
            assert_eq!(refused.parameter, parameter, "{code}");
            assert!(!refused.problem.contains("hush"), "{refused}");
        }
    }
}
