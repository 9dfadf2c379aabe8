//! What cargo knows of this workspace: its packages, their dependencies, the layer table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Outcome;

/// `cargo metadata`, as far as the tasks read it.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
    #[serde(rename = "metadata")]
    tables: Tables,
}

/// One crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// A line in a crate's list of dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: Option<String>,
}

/// `[workspace.metadata.wharf]` of the root `Cargo.toml`.
#[derive(Debug, Deserialize)]
pub(crate) struct Table {
    /// Layer name to its crates, lowest layer first.
    pub(crate) layers: Rows,
    /// Kind of tool to its crates.
    pub(crate) tools: Rows,
    /// Foreign crate to the crates that may use it.
    pub(crate) owners: Rows,
}

#[derive(Debug, Deserialize)]
struct Tables {
    wharf: Table,
}

/// A table whose rows keep the order of the file, unlike a map.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<(String, Vec<String>)>);

// === impl Workspace ===

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Outcome<Self> {
        let output = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        if !output.status.success() {
            return Err(format!("cargo metadata: {}", text(&output.stderr)).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    pub(crate) fn table(&self) -> &Table {
        &self.tables.wharf
    }

    /// The names of the crates that stand in a layer, lowest layer first.
    pub(crate) fn layered(&self) -> Vec<&str> {
        self.table().layers.members().collect()
    }

    /// A folder below the target directory, made if it is not there.
    pub(crate) fn target(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.target_directory.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

// === impl Rows ===

impl Rows {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, crates)| (name.as_str(), crates.as_slice()))
    }

    /// The crates in the row `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&[String]> {
        self.iter().find_map(|(row, crates)| (row == name).then_some(crates))
    }

    /// The number and the name of the row that lists `member`.
    pub(crate) fn find(&self, member: &str) -> Option<(usize, &str)> {
        let mut rows = self.iter().enumerate();
        rows.find_map(|(number, (name, crates))| {
            crates.iter().any(|listed| listed == member).then_some((number, name))
        })
    }

    /// Every crate in every row.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|(_, crates)| crates).map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowsVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a table of lists of crates")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = map.next_entry()? {
            rows.push(row);
        }
        Ok(Rows(rows))
    }
}

// === impl Dependency ===

impl Dependency {
    /// Whether the dependency is there for tests, examples and benches only.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// The root folder of the workspace that the task was started in. Cargo tells it: what was known when
/// this was compiled may be another clone that shares the target folder.
pub(crate) fn root() -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    folder.parent().map(Path::to_path_buf).unwrap_or(folder)
}

/// The cargo that started this task, in the root folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// What a program wrote, as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
