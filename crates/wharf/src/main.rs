//! The registry program.
//!
//! `wharf` alone serves a directory on loopback; `wharf serve CONFIG` what a `config.yml` of
//! docker/distribution says. Logs go to stderr, one line for each request to stdout.

mod activation;
mod alone;
mod audit;
mod auth;
mod cli;
mod config;
mod files;
mod fsck;
mod garbage;
mod health;
mod lines;
mod load;
mod log;
mod progress;
mod reload;
mod serve;
mod signals;
mod uploads;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command.unwrap_or_default() {
        Command::Serve { config } => serve::serve(config.as_deref()).map(|()| ExitCode::SUCCESS),
        Command::GarbageCollect(args) => garbage::collect(&args),
        Command::Fsck(args) => fsck::check(&args),
        Command::Uploads(command) => uploads::run(&command),
        Command::Health { config } => health::health(config.as_deref()).map(|()| ExitCode::SUCCESS),
        Command::Config(command) => config::run(&command),
        Command::Auth(command) => auth::run(&command).map(|()| ExitCode::SUCCESS),
        Command::Version => version().map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "wharf: {error}");
            ExitCode::FAILURE
        }
    }
}

fn version() -> Result<(), Box<dyn std::error::Error>> {
    writeln!(io::stdout(), "wharf {}", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
