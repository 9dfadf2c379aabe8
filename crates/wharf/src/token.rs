//! `wharf token`: tokens for programs.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Write as _},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use wharf_registry::auth::issuer::{NewRobot, Robot, RobotScope};

use crate::{garbage::parse_duration, load, log};

/// What can be done about tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Token {
    /// Make a token, which is shown once
    ///
    /// It is taken in place of a password, whatever the user name, and as a bearer token, by every
    /// registry that has auth.issuer over the same store. Rules count besides.
    #[command(after_help = EXAMPLES)]
    Create(Create),
    /// List the tokens, without showing them
    List(Where),
    /// End a token; within ten seconds nobody takes it any more
    Revoke {
        /// Its id, which `list` shows
        id: String,
        #[command(flatten)]
        from: Where,
    },
}

/// For whom, and for what.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Act as this user, for as long as there is such a user
    #[arg(long, required_unless_present = "name")]
    user: Option<String>,
    /// Act under a name of its own, which rules can mention
    #[arg(long, conflicts_with = "user")]
    name: Option<String>,
    /// What it is good for: repository:PATTERN:ACTION,ACTION or registry:catalog:*
    #[arg(long, required = true, value_name = "SCOPE")]
    scope: Vec<RobotScope>,
    /// For how long: 30d, 12h
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_days)]
    expires: Duration,
    #[command(flatten)]
    from: Where,
}

/// Whose tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    /// The config.yml of the registry; without it, what REGISTRY_CONFIGURATION_PATH names
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  wharf token create --name ci --scope 'repository:team/*:pull,push' --expires 30d config.yml
  wharf token create --user alice --scope 'repository:**:pull' config.yml
  docker login --username ci --password-stdin registry.example.com < token";

/// Ten years: whoever wants more wants no end.
const LONGEST: Duration = Duration::from_secs(3660 * 24 * 3600);

/// Does what the command line says.
pub(crate) fn run(command: &Token) -> Result<(), Box<dyn Error>> {
    let (Token::Create(Create { from, .. }) | Token::List(from) | Token::Revoke { from, .. }) =
        command;
    let load::Found { loaded, .. } = load::load(from.config.as_deref())?;
    log::to_stderr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = runtime.block_on(async {
        let (robots, users) = wharf_registry::robots(&loaded.configuration).await?;
        match command {
            Token::Create(create) => {
                let robot = create.robot(|user| {
                    users.knows(user).map_err(|_| "the users cannot be read".to_owned())
                })?;
                let (robot, token) = robots.create(robot, SystemTime::now()).await?;
                writeln!(io::stderr(), "made {}", line(&robot))?;
                Ok::<_, Box<dyn Error>>(token)
            }
            Token::List(_) => {
                let robots = robots.list().await?;
                Ok(robots.iter().map(line).collect::<Vec<_>>().join("\n"))
            }
            Token::Revoke { id, .. } => match robots.revoke(id).await? {
                true => Ok(format!("{id} has ended")),
                false => Err(format!("there is no token {id:?}").into()),
            },
        }
    })?;
    if !text.is_empty() {
        writeln!(io::stdout(), "{text}")?;
    }
    Ok(())
}

// === impl Create ===

impl Create {
    /// The token to be made. A name must not be taken for that of a user.
    fn robot(&self, is_user: impl Fn(&str) -> Result<bool, String>) -> Result<NewRobot, String> {
        let (name, user) = match (&self.user, &self.name) {
            (Some(name), _) => (name, true),
            (None, Some(name)) => (name, false),
            (None, None) => return Err("--user or --name is missing".to_owned()),
        };
        match (is_user(name)?, user) {
            (false, true) => return Err(format!("there is no user {name:?}")),
            (true, false) => return Err(format!("{name:?} is a user: say --user")),
            _ => {}
        }
        let (name, scopes) = (name.clone(), self.scope.clone());
        Ok(NewRobot { name, user, scopes, lifetime: self.expires })
    }
}

fn parse_days(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let expected = || "expected a time such as 30d or 12h".to_owned();
    let time = match days {
        Some(days) => Duration::from_secs(24 * 3600) * days.min(1_000_000),
        // A configuration counts nanoseconds without a unit; nobody means these here.
        None if !text.ends_with(|last: char| last.is_ascii_alphabetic()) => return Err(expected()),
        None => parse_duration(text).map_err(|_| expected())?,
    };
    match time {
        Duration::ZERO => Err("it would have ended already".to_owned()),
        time if time > LONGEST => Err("that is more than ten years".to_owned()),
        time => Ok(time),
    }
}

/// All that is known of a token, on one line.
fn line(robot: &Robot) -> String {
    let Robot { id, name, user, scopes, expires, .. } = robot;
    let left = expires.saturating_sub(now());
    let mut line = format!("{id}  {name}");
    line.push_str(if *user { " (user)  " } else { "  " });
    match left {
        0 => line.push_str("ended"),
        left if left < 48 * 3600 => {
            let _ = write!(line, "for {} h", left.div_ceil(3600));
        }
        left => {
            let _ = write!(line, "for {} d", left.div_ceil(24 * 3600));
        }
    }
    for scope in scopes {
        let _ = write!(line, "  {scope}");
    }
    line
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_days_too() {
        assert_eq!(parse_days("30d"), Ok(Duration::from_secs(30 * 24 * 3600)));
        assert_eq!(parse_days("12h"), Ok(Duration::from_secs(12 * 3600)));
        for wrong in ["", "d", "0d", "-1d", "4000d", "30", "1w"] {
            assert!(parse_days(wrong).is_err(), "{wrong}");
        }
    }
}
