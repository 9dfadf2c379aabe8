//! Generated files that are committed: written, or compared with `--check`.

use std::path::Path;

use crate::{Outcome, workspace};

/// A generated file: where it stands below the root, and what it has to contain.
pub(crate) struct Generated {
    pub(crate) path: String,
    pub(crate) content: String,
}

/// Writes the files, or with `check` fails and names each that is not up to date.
pub(crate) fn settle(files: &[Generated], check: bool, task: &str) -> Outcome {
    let stale: Vec<&Generated> = files.iter().filter(|file| !file.is_current()).collect();
    if check {
        return refuse(&stale, task);
    }
    for file in stale {
        println!("writing {}", file.path);
        file.write()?;
    }
    Ok(())
}

/// Puts `inner` between the line `begin` and the line `end` of `text`.
pub(crate) fn between(text: &str, begin: &str, end: &str, inner: &str) -> Option<String> {
    let (head, rest) = text.split_once(begin)?;
    let (_, tail) = rest.split_once(end)?;
    Some(format!("{head}{begin}\n{inner}{end}{tail}"))
}

fn refuse(stale: &[&Generated], task: &str) -> Outcome {
    for file in stale {
        eprintln!("{}", file.difference());
    }
    match stale.len() {
        0 => Ok(()),
        count => Err(format!("{count} files are not up to date: run `cargo xtask {task}`").into()),
    }
}

// === impl Generated ===

impl Generated {
    fn is_current(&self) -> bool {
        self.committed() == self.content
    }

    /// What stands in the file now; nothing, if it is not there.
    fn committed(&self) -> String {
        std::fs::read_to_string(workspace::root().join(&self.path)).unwrap_or_default()
    }

    fn write(&self) -> Outcome {
        let path = workspace::root().join(&self.path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        Ok(std::fs::write(path, &self.content)?)
    }

    /// The lines that only one side has.
    fn difference(&self) -> String {
        let committed = self.committed();
        let only = |sign: char, one: &str, other: &str| -> String {
            let other: std::collections::BTreeSet<&str> = other.lines().collect();
            let lines = one.lines().filter(|line| !other.contains(line));
            lines.map(|line| format!("\n  {sign} {line}")).collect()
        };
        let (gone, new) =
            (only('-', &committed, &self.content), only('+', &self.content, &committed));
        format!("{} is not up to date:{gone}{new}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn text_between_markers_is_replaced_and_nothing_else() {
        let text = "a\n<!-- b -->\nold\n<!-- e -->\nz\n";
        let filled = between(text, "<!-- b -->", "<!-- e -->", "new\n");
        assert_eq!(filled.as_deref(), Some("a\n<!-- b -->\nnew\n<!-- e -->\nz\n"));
        assert_eq!(between("nothing", "<!-- b -->", "<!-- e -->", ""), None);
    }
}
