//! Who we are: the parameters, else the environment, else the machine.

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use wharf_driver_cloud::Refused;

use crate::{Keys, Options, profile};

/// The variables that Amazon's tools read, in the order of their first use: keys, web identity (IRSA),
/// containers (ECS, EKS), the machine.
const VARIABLES: &[(&str, Key)] = &[
    ("AWS_ACCESS_KEY_ID", Key::AccessKeyId),
    ("AWS_SECRET_ACCESS_KEY", Key::SecretAccessKey),
    ("AWS_SESSION_TOKEN", Key::Token),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Key::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", Key::RoleArn),
    ("AWS_ROLE_SESSION_NAME", Key::RoleSessionName),
    ("AWS_ENDPOINT_URL_STS", Key::StsEndpoint),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Key::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Key::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Key::ContainerAuthorizationTokenFile),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", Key::MetadataEndpoint),
];

/// Those of which one is enough to know who we are.
const SUFFICIENT: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Tells a builder who we are.
pub(crate) fn apply(
    builder: AmazonS3Builder,
    options: &Options,
) -> Result<AmazonS3Builder, Refused> {
    if let Some(keys) = &options.keys {
        return Ok(with_keys(builder, keys));
    }
    let known = SUFFICIENT.iter().any(|name| options.variable(name).is_some());
    match profile::keys(options).filter(|_| !known) {
        Some(keys) => Ok(with_keys(builder, &keys)),
        None if !known && metadata_is_off(options) => Err(Refused::new(
            "accesskey",
            "is missing, the environment has no credentials, and AWS_EC2_METADATA_DISABLED is set",
        )),
        None => Ok(from_environment(builder, options)),
    }
}

fn with_keys(builder: AmazonS3Builder, keys: &Keys) -> AmazonS3Builder {
    let builder = builder.with_access_key_id(&keys.access).with_secret_access_key(&keys.secret);
    match &keys.session_token {
        Some(token) => builder.with_token(token),
        None => builder,
    }
}

fn from_environment(builder: AmazonS3Builder, options: &Options) -> AmazonS3Builder {
    VARIABLES.iter().fold(builder, |builder, (name, key)| match options.variable(name) {
        Some(value) => builder.with_config(*key, value),
        None => builder,
    })
}

fn metadata_is_off(options: &Options) -> bool {
    let variable = options.variable("AWS_EC2_METADATA_DISABLED");
    variable.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(
        keys: Option<Keys>,
        environment: &[(&str, &str)],
    ) -> Result<[Option<String>; 3], Refused> {
        let environment = environment.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let options = Options { keys, environment, ..Options::default() };
        let builder = apply(AmazonS3Builder::new(), &options)?;
        let keys = [Key::AccessKeyId, Key::WebIdentityTokenFile, Key::ContainerCredentialsFullUri];
        Ok(keys.map(|key| builder.get_config_value(&key)))
    }

    #[test]
    fn parameters_come_before_the_environment() {
        let keys = Keys { access: "own".into(), secret: "s".into(), session_token: None };
        let found = applied(Some(keys), &[("AWS_ACCESS_KEY_ID", "other")]).expect("valid");
        assert_eq!(found, [Some("own".into()), None, None]);
    }

    #[test]
    fn the_environment_is_read_as_the_tools_do() {
        let off = ("AWS_EC2_METADATA_DISABLED", "true");
        for (variable, place) in [
            ("AWS_ACCESS_KEY_ID", 0),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", 1),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", 2),
        ] {
            let found = applied(None, &[(variable, "x"), off]).expect("valid");
            assert_eq!(found[place].as_deref(), Some("x"), "{variable}");
        }
        assert_eq!(applied(None, &[off]).expect_err("nobody").parameter, "accesskey");
        assert_eq!(applied(None, &[]).expect("the machine"), [None, None, None]);
    }

    #[test]
    fn a_profile_comes_before_the_machine() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("credentials");
        let text = "[p]\naws_access_key_id=A\naws_secret_access_key=S\n";
        std::fs::write(&file, text).expect("written");
        let file = file.to_str().expect("text");
        let variables = [("AWS_SHARED_CREDENTIALS_FILE", file), ("AWS_PROFILE", "p")];
        assert_eq!(applied(None, &variables).expect("valid")[0].as_deref(), Some("A"));
    }
}
