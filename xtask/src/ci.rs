//! placeholder
use crate::Outcome;
/// CI
#[derive(clap::Args)]
pub(crate) struct Args {}
pub(crate) fn run(_: &Args) -> Outcome {
    Ok(())
}
