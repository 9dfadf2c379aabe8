//! The registry program.
//!
//! `wharf` alone serves a directory on loopback; `wharf serve CONFIG` what a `config.yml` of
//! docker/distribution says. Logs go to stderr, one line for each request to stdout.

mod access;
mod activation;
mod alone;
mod audit;
mod auth;
mod called;
mod cli;
mod config;
mod files;
mod flags;
mod fsck;
mod garbage;
mod health;
mod lines;
mod load;
mod log;
mod object;
mod pages;
mod progress;
mod reload;
mod sandbox;
mod serve;
mod settle;
mod signals;
mod token;
mod uploads;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::{called::Called, cli::Command};

fn main() -> ExitCode {
    let called = Called::now();
    match called.parse() {
        Ok(cli) => run(cli.command.unwrap_or_default(), called.name()),
        Err(code) => code,
    }
}

fn run(command: Command, name: &str) -> ExitCode {
    let result = match command {
        Command::Serve { config, flags } => {
            serve::serve(config.as_deref(), &flags).map(|()| ExitCode::SUCCESS)
        }
        Command::GarbageCollect(args) => garbage::collect(&args),
        Command::Fsck(args) => fsck::check(&args),
        Command::Uploads(command) => uploads::run(&command),
        Command::Health { config, pid } => health::health(config, pid).map(|()| ExitCode::SUCCESS),
        Command::Config(command) => config::run(&command),
        Command::Auth(command) => auth::run(&command).map(|()| ExitCode::SUCCESS),
        Command::Completions { shell } => {
            pages::completions(shell, name);
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { directory } => {
            pages::man(directory.as_deref()).map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Token(command) => token::run(&command).map(|()| ExitCode::SUCCESS),
        Command::Version => version().map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn version() -> Result<(), Box<dyn std::error::Error>> {
    writeln!(io::stdout(), "wharf {}", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
