//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::{config, flags::Flags, fsck, garbage, token::Token, uploads::Uploads};

/// An OCI container registry, in place of docker/distribution.
///
/// Without a command it serves with its embedded default: the directory ./wharf-data on
/// 127.0.0.1:5000, with deletes on and no access control.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a registry
    ///
    /// SIGTERM and SIGINT let what was begun end, for as long as http.draintimeout says; a second
    /// one ends at once. SIGHUP has it read its configuration again: another log level, a renewed
    /// certificate, notifications and maintenance.readonly take effect, and the log says what takes a
    /// restart.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve {
        /// A config.yml of docker/distribution; without it, what REGISTRY_CONFIGURATION_PATH names,
        /// or else the embedded default. Variables such as REGISTRY_HTTP_ADDR override its keys
        config: Option<PathBuf>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Ask the registry of a configuration whether it is well
    ///
    /// Exits with 0 if it answers, which over TLS means that it accepts a connection, and with 1 if
    /// not.
    Health {
        /// The configuration that it serves, found as `serve` finds it
        config: Option<PathBuf>,
        /// The one that this process serves: in a container, whatever was mounted, that of process 1
        #[arg(long, value_name = "PROCESS", conflicts_with = "config")]
        pid: Option<u32>,
    },
    GarbageCollect(garbage::Args),
    Fsck(fsck::Args),
    /// Look after unfinished uploads
    #[command(subcommand)]
    Uploads(Uploads),
    /// Look at a configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Look at who may do what
    #[command(subcommand)]
    Auth(AuthCommand),
    /// Print what a shell needs to complete the command line
    ///
    /// For bash, for example: wharf completions bash > /etc/bash_completion.d/wharf
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page, or write those of all commands into a directory
    Man {
        /// Where the pages go
        directory: Option<PathBuf>,
    },
    /// Make and end tokens for programs
    #[command(subcommand)]
    Token(Token),
    /// Print the version
    Version,
}

/// What can be asked about who may do what.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Say whether a user may do something, and which line of the rules decides
    ///
    /// Exits with 0 if the user may, and with 1 if not.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// The name of the user, or the subject of a token; - for an anonymous caller
        user: String,
        /// The repository; any for the action list
        repository: String,
        /// pull, push, delete, remove or list
        action: String,
        /// A group that the user is in, by a token or a certificate
        #[arg(long, value_name = "NAME")]
        group: Vec<String>,
        /// The configuration that names the rules, found as `serve` finds it
        #[arg(long)]
        config: Option<PathBuf>,
        /// The rules themselves, instead of those of a configuration
        #[arg(long, conflicts_with = "config")]
        rules: Option<PathBuf>,
    },
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  wharf auth explain alice team/app push --config /etc/distribution/config.yml
  wharf auth explain - library/alpine pull --rules rules
                                             may anybody pull it?";

const EXAMPLES: &str = "\
Called under the name registry it answers as the program of docker/distribution does.

Exit codes:
  0  done
  1  failed
  2  wrong arguments
  3  refused: somebody else is at work on the store
  4  fsck: something is wrong
  130, 143  ended by SIGINT, SIGTERM

Examples:
  wharf                                      serve ./wharf-data on 127.0.0.1:5000
  wharf serve config.yml                     serve what a file says
  skopeo copy --dest-tls-verify=false docker://docker.io/library/alpine \\
      docker://127.0.0.1:5000/alpine         push an image";

const SERVE_EXAMPLES: &str = "\
Examples:
  wharf serve                                serve ./wharf-data on 127.0.0.1:5000
  wharf serve --root /srv --addr :5000 --insecure-open
                                             serve /srv to everybody who reaches this machine
  wharf serve /etc/distribution/config.yml   serve what a file says
  REGISTRY_HTTP_ADDR=:5000 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/srv wharf serve
                                             serve /srv on every address of this machine";

// === impl Command ===

impl Default for Command {
    fn default() -> Self {
        Self::Serve { config: None, flags: Flags::default() }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
