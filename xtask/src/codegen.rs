//! `cargo xtask codegen`: the documents that are generated from tables in the code.

mod configuration;
mod keys;

use crate::files::{self, Generated};
use crate::{Outcome, layers, workspace, workspace::Workspace};

const LAYERS_BEGIN: &str = "<!-- layers:begin -->";
const LAYERS_END: &str = "<!-- layers:end -->";

/// Generate docs/api.md from the route table, docs/configuration.md, docs/config.schema.json and
/// docs/parity-keys.md from the table of keys, and the layer table of ARCHITECTURE.md.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a file is not up to date
    #[arg(long)]
    check: bool,
}

/// Writes or checks every generated document.
pub(crate) fn run(args: &Args) -> Outcome {
    let mut files = vec![api(), architecture()?];
    files.extend(configuration::documents());
    files.push(keys::document());
    files::settle(&files, args.check, "codegen")
}

fn api() -> Generated {
    Generated { path: "docs/api.md".into(), content: wharf_api::docs() }
}

fn architecture() -> Outcome<Generated> {
    let path = "ARCHITECTURE.md";
    let text = std::fs::read_to_string(workspace::root().join(path))?;
    let table = layers::markdown(&Workspace::load()?);
    let content = files::between(&text, LAYERS_BEGIN, LAYERS_END, &table)
        .ok_or_else(|| format!("{path} lacks the markers {LAYERS_BEGIN} and {LAYERS_END}"))?;
    Ok(Generated { path: path.into(), content })
}
