//! `wharf completions` and `wharf man`.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;

/// Prints what a shell needs to complete a command line that begins with `name`.
pub(crate) fn completions(shell: Shell, name: &str) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), name, &mut script);
    // Who closed stdout does not want the rest.
    let _ = io::stdout().write_all(&script);
}

/// Prints the page of the program, or writes that of each command into a directory.
pub(crate) fn man(directory: Option<&Path>) -> io::Result<()> {
    match directory {
        None => Man::new(Cli::command()).render(&mut io::stdout()),
        Some(directory) => {
            fs::create_dir_all(directory)?;
            clap_mangen::generate_to(Cli::command(), directory)
        }
    }
}
