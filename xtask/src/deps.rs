//! `cargo xtask deps`: the committed list of what each crate brings along.
//!
//! A new name in `deps/<crate>.txt` is something to see in a review: a crate that grew.

use std::collections::BTreeSet;

use crate::Outcome;
use crate::files::{self, Generated};
use crate::workspace::{self, Workspace, text};

/// The lists are those of one target, so that they are the same on every machine.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// List the normal dependency tree of each crate, by name, in deps/CRATE.txt.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a list is not up to date, and print what came or went
    #[arg(long)]
    check: bool,
}

/// Writes or checks every list.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let lists: Outcome<Vec<Generated>> = workspace.layered().into_iter().map(list).collect();
    files::settle(&lists?, args.check, "deps")
}

fn list(name: &str) -> Outcome<Generated> {
    let tree = ["tree", "--edges", "normal", "--prefix", "none", "--target", TARGET, "--package"];
    let output = workspace::cargo().args(tree).arg(name).output()?;
    if !output.status.success() {
        return Err(format!("cargo tree of {name}: {}", text(&output.stderr)).into());
    }
    Ok(Generated { path: format!("deps/{name}.txt"), content: names(&text(&output.stdout), name) })
}

/// The names in a tree, without the crate itself, sorted, one a line.
fn names(tree: &str, itself: &str) -> String {
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names
        .into_iter()
        .filter(|name| !name.is_empty() && *name != itself)
        .map(|name| format!("{name}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_are_sorted_and_stand_once() {
        let tree = "top v0.1.0 (/x)\nserde v1.0.1\nbytes v1.12.0\nserde v1.0.1 (*)\n";
        assert_eq!(names(tree, "top"), "bytes\nserde\n");
    }
}
