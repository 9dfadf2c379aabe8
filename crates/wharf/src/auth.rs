//! `wharf auth`.

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    path::Path,
};

use wharf_registry::{
    api::Action,
    auth::{Access, Rules},
    config::{Auth, Configuration, Controller},
    reference::RepositoryName,
};

use crate::{cli::AuthCommand, load};

/// Does what the command line says.
pub(crate) fn run(command: &AuthCommand) -> Result<(), Box<dyn Error>> {
    let AuthCommand::Explain { user, repository, action, group, config, rules } = command;
    let access = access(repository, action)?;
    let user = (user != "-").then_some(user.as_str());
    let (allowed, why) = match rules {
        Some(rules) => explain(rules, user, group, &access)?,
        None => {
            let loaded = load::load(config.as_deref())?.loaded;
            match &loaded.configuration.auth {
                Some(Auth { rules: Some(rules), .. }) => explain(rules, user, group, &access)?,
                auth => without_rules(auth.as_ref(), user),
            }
        }
    };
    if !allowed {
        return Err(why.into());
    }
    writeln!(io::stdout(), "{why}")?;
    Ok(())
}

fn access(repository: &str, action: &str) -> Result<Access, Box<dyn Error>> {
    let action = match action {
        "list" => return Ok(Access::Catalog),
        "pull" => Action::Pull,
        "push" => Action::Push,
        "delete" => Action::Delete,
        "remove" => Action::Remove,
        other => {
            return Err(
                format!("{other:?} is no action: pull, push, delete, remove or list").into()
            );
        }
    };
    Ok(Access::Repository(RepositoryName::parse(repository)?, action))
}

fn explain(
    file: &Path,
    user: Option<&str>,
    groups: &[String],
    access: &Access,
) -> Result<(bool, String), Box<dyn Error>> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let rules = Rules::parse(&file.display().to_string(), &text)?;
    let explanation = rules.explain_in(user, groups, access);
    Ok((explanation.allowed, explanation.to_string()))
}

/// What counts where no file says more.
fn without_rules(auth: Option<&Auth>, user: Option<&str>) -> (bool, String) {
    let Some(auth) = auth else {
        return (true, "there is no access control: everybody may do everything".to_owned());
    };
    let why = match auth.controller {
        Controller::Token(_) => "auth.token, without auth.rules: the access in a token decides",
        Controller::Htpasswd { .. } => {
            "auth.htpasswd, without auth.rules: whoever logs in may do everything"
        }
        Controller::Others => {
            "auth.certificates, without auth.rules: whoever has a certificate may do everything"
        }
        Controller::Silly { .. } => "auth.silly: whoever says anything may do everything",
    };
    (user.is_some(), why.to_owned())
}

/// How the start line says who may do what.
pub(crate) fn summary(configuration: &Configuration) -> String {
    let Some(auth) = &configuration.auth else { return "no access control".to_owned() };
    let controller = match &auth.controller {
        Controller::Silly { .. } => "access for everybody who says anything".to_owned(),
        Controller::Htpasswd { path, .. } => format!("users of {}", path.display()),
        Controller::Token(token) => format!("tokens of {}", token.issuer),
        Controller::Others => "identities of others".to_owned(),
    };
    match &auth.rules {
        Some(rules) => format!("{controller} by the rules of {}", rules.display()),
        None => controller,
    }
}
