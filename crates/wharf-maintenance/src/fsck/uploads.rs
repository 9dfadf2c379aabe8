//! Looks at the upload sessions of a repository.

use std::sync::{Arc, atomic::Ordering};

use wharf_driver::{Error, ErrorKind, Result};
use wharf_storage::tree::{self, Repository};

use crate::folders::Folders;

use super::{
    Kind,
    run::{At, Run},
};

/// Looks at all sessions.
pub(super) async fn check(run: &Arc<Run>, repository: &Repository) -> Result<()> {
    let folder = repository.uploads();
    let mut sessions = Folders::of(&run.driver, folder.clone());
    while let Some(ids) = sessions.next().await? {
        for id in ids {
            let Ok(session) = folder.join(&id) else { continue };
            run.uploads.fetch_add(1, Ordering::Relaxed);
            let began = tree::started_at(&*run.driver, &session).await;
            let began = began.map_err(|error| {
                Error::new(ErrorKind::Other, &session).because(error.to_string())
            })?;
            let (kind, problem) = match began {
                None => (Kind::UploadLeftover, "nothing says when it began"),
                Some(_) => match run.driver.upload_checkpoint(&session).await {
                    Ok(_) => continue,
                    Err(error) if error.kind() == ErrorKind::Corrupt => {
                        (Kind::UploadDamaged, "its checkpoint is damaged")
                    }
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error),
                },
            };
            let at = At::of(repository, kind, &id);
            run.mend(at, problem.to_owned(), run.remove(&session)).await;
        }
    }
    Ok(())
}
