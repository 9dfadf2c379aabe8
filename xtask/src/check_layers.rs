//! `cargo xtask check-layers`: holds the dependencies between our crates against the layer table.

use crate::{Outcome, layers, workspace::Workspace};

/// Hold every normal and build dependency against the layer table in the root Cargo.toml.
///
/// A crate uses only crates of strictly lower layers; tools (wharf-testkit, xtask) are used by tests
/// only; a foreign crate with owners is used by its owners only. Dev-dependencies are free.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Prints each offending edge, and fails if there is one.
pub(crate) fn run(_: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let violations = layers::check(workspace.table(), &workspace.packages);
    for violation in &violations {
        eprintln!("{violation}");
    }
    if !violations.is_empty() {
        return Err(format!("{} violations of the layer table", violations.len()).into());
    }
    println!("{} crates keep their layers", workspace.packages.len());
    Ok(())
}
