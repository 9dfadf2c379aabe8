//! What happens when a run is broken off from outside: servers end, and what was written is removed.

use std::path::{Path, PathBuf};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Outcome, process};

/// The exit code of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// How often it is tried to remove everything.
const TRIES: usize = 10;

/// Waits for a signal, besides what else is done.
pub(crate) fn clean_up_on_signal(folder: &Path) -> Outcome {
    let folder: PathBuf = folder.to_owned();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        eprintln!("broken off: ending the servers");
        process::end_all();
        // What is being written or removed at the same time can make it fail; nobody is left to tell.
        let mut tries = 0..TRIES;
        while tries.next().is_some() && folder.exists() {
            std::fs::remove_dir_all(&folder).ok();
        }
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
