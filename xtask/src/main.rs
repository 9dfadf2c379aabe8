//! The automation of the workspace: everything that is done twice is a task here.
//!
//! `cargo xtask --help` lists the tasks, `cargo xtask TASK --help` explains one. A task is one file
//! (with a folder beside it where it has parts); what several tasks share stands in [`workspace`],
//! [`process`], [`server`] and [`files`].

use clap::{Parser, Subcommand};

mod acme;
mod bench;
mod check_layers;
mod ci;
mod codegen;
mod conformance;
mod deploy;
mod deps;
mod differential;
mod dist;
mod docker;
mod e2e;
mod examples;
mod files;
mod image;
mod layers;
mod oidc;
mod process;
#[cfg(test)]
mod security;
mod server;
mod services;
mod store_fixture;
mod stores;
mod workspace;

/// What a task comes to: nothing, or why not.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Automation of the Wharf workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Acme(acme::Args),
    Bench(bench::Args),
    CheckLayers(check_layers::Args),
    Codegen(codegen::Args),
    Conformance(conformance::Args),
    Deploy(deploy::Args),
    Deps(deps::Args),
    Differential(differential::Args),
    Dist(dist::Args),
    E2e(e2e::Args),
    Examples(examples::Args),
    Oidc(oidc::Args),
    Services(services::Args),
    StoreFixture(store_fixture::Args),
    Stores(stores::Args),
    Ci(ci::Args),
}

fn main() -> std::process::ExitCode {
    match Cli::parse().task.run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

// === impl Task ===

impl Task {
    fn run(self) -> Outcome {
        match self {
            Task::Acme(args) => acme::run(&args),
            Task::Bench(args) => bench::run(&args),
            Task::CheckLayers(args) => check_layers::run(&args),
            Task::Codegen(args) => codegen::run(&args),
            Task::Conformance(args) => conformance::run(&args),
            Task::Deploy(args) => deploy::run(&args),
            Task::Deps(args) => deps::run(&args),
            Task::Differential(args) => differential::run(&args),
            Task::Dist(args) => dist::run(&args),
            Task::E2e(args) => e2e::run(&args),
            Task::Examples(args) => examples::run(&args),
            Task::Oidc(args) => oidc::run(&args),
            Task::Services(args) => services::run(&args),
            Task::StoreFixture(args) => store_fixture::run(&args),
            Task::Stores(args) => stores::run(&args),
            Task::Ci(args) => ci::run(&args),
        }
    }
}
