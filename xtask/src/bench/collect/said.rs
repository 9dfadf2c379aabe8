//! What a collection says that it would remove.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::Outcome;

/// What a collection has found.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Blobs and manifests that could go, one to a line.
    eligible: BTreeSet<String>,
    /// `… blobs marked, … eligible for deletion`.
    summary: Option<String>,
}

const ELIGIBLE: [&str; 2] = ["blob eligible for deletion: ", "manifest eligible for deletion: "];

// === impl Said ===

impl Said {
    /// Reads what it wrote.
    pub(super) fn read(output: &Path) -> Outcome<Self> {
        let mut said = Self::default();
        for line in BufReader::new(File::open(output)?).lines() {
            let line = line?;
            if ELIGIBLE.iter().any(|start| line.starts_with(start)) {
                said.eligible.insert(line);
            } else if line.contains(" blobs marked, ") {
                said.summary = Some(line);
            }
        }
        Ok(said)
    }

    /// One sentence if two say the same, and an error that names the first difference if they do not.
    pub(super) fn compare(ours: &Self, theirs: &Self) -> Outcome<String> {
        if let Some(line) = ours.eligible.symmetric_difference(&theirs.eligible).next() {
            let who = if ours.eligible.contains(line) { "wharf" } else { "distribution" };
            return Err(format!("only {who} says: {line}").into());
        }
        match (&ours.summary, &theirs.summary) {
            (Some(ours), Some(theirs)) if ours == theirs => {
                Ok(format!("Both name the same blobs: {ours}."))
            }
            (ours, theirs) => Err(format!("wharf: {ours:?}, distribution: {theirs:?}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("said");
        std::fs::write(&path, text).unwrap();
        Said::read(&path).unwrap()
    }

    #[test]
    fn the_order_does_not_matter_and_a_blob_does() {
        let summary = "\n5 blobs marked, 2 blobs and 0 manifests eligible for deletion\n";
        let line = |name: &str| format!("blob eligible for deletion: sha256:{name}\n");
        let ours = said(&format!("a\na: marking blob x\n{summary}{}{}", line("1"), line("2")));
        let theirs = said(&format!("a: marking blob x\na\n{summary}{}{}", line("2"), line("1")));
        assert!(Said::compare(&ours, &theirs).unwrap().contains("5 blobs marked"));
        let other = said(&format!("{summary}{}", line("2")));
        let difference = Said::compare(&ours, &other).unwrap_err().to_string();
        assert!(difference.starts_with("only wharf says") && difference.contains("sha256:1"));
        assert!(Said::compare(&ours, &said(&format!("{}{}", line("1"), line("2")))).is_err());
    }
}
