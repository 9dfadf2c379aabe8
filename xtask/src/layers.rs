//! The rule of the layers, as functions over plain values: a crate uses only strictly lower layers.

use std::fmt;

use crate::workspace::{Dependency, Package, Table, Workspace};

/// A sentence about what breaks the rule, naming the offending edge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation(String);

/// Where a crate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    Layer { level: usize, name: &'a str },
    Tool,
}

/// Holds every normal and build dependency of `packages` against `table`.
pub(crate) fn check(table: &Table, packages: &[Package]) -> Vec<Violation> {
    let mut violations = absent_crates(table, packages);
    for package in packages {
        match Place::of(table, &package.name) {
            None => violations.push(Violation::not_in_table(&package.name)),
            Some(place) => violations.extend(check_package(table, packages, package, place)),
        }
    }
    violations
}

/// The layer table as markdown, for `ARCHITECTURE.md`.
pub(crate) fn markdown(workspace: &Workspace) -> String {
    let table = workspace.table();
    let layers = table.layers.iter().enumerate();
    let layers = layers.map(|(level, (name, crates))| (format!("{level} {name}"), crates));
    let tools = table.tools.iter().map(|(name, crates)| (format!("tools: {name}"), crates));
    let rows = layers.chain(tools).map(|(place, crates)| markdown_rows(workspace, &place, crates));
    format!("| layer | crate | what it is |\n|---|---|---|\n{}", rows.collect::<String>())
}

fn markdown_rows(workspace: &Workspace, place: &str, crates: &[String]) -> String {
    let row = |name: &String| format!("| {place} | `{name}` | {} |\n", shelf(workspace, name));
    crates.iter().map(row).collect()
}

fn shelf<'a>(workspace: &'a Workspace, name: &str) -> &'a str {
    let package = workspace.packages.iter().find(|package| package.name == name);
    package.and_then(|package| package.description.as_deref()).unwrap_or("")
}

fn absent_crates(table: &Table, packages: &[Package]) -> Vec<Violation> {
    let listed = table.layers.members().chain(table.tools.members());
    let absent = listed.filter(|name| !packages.iter().any(|package| package.name == *name));
    absent
        .map(|name| Violation(format!("{name} is in the table, but not in the workspace")))
        .collect()
}

fn check_package(
    table: &Table,
    packages: &[Package],
    package: &Package,
    place: Place<'_>,
) -> Vec<Violation> {
    if place == Place::Tool {
        return Vec::new();
    }
    let binding = package.dependencies.iter().filter(|dependency| !dependency.is_dev());
    binding
        .filter_map(|dependency| match is_ours(packages, dependency) {
            true => check_edge(table, &package.name, place, &dependency.name),
            false => check_owner(table, &package.name, &dependency.name),
        })
        .collect()
}

fn is_ours(packages: &[Package], dependency: &Dependency) -> bool {
    packages.iter().any(|package| package.name == dependency.name)
}

/// Our crate `user`, which stands in `place`, uses our crate `used`.
fn check_edge(table: &Table, user: &str, place: Place<'_>, used: &str) -> Option<Violation> {
    let lower = Place::of(table, used)?; // None is reported once, as missing in the table.
    match (place, lower) {
        (_, Place::Tool) => Some(Violation::tool(user, used)),
        (Place::Layer { level, .. }, Place::Layer { level: lower, .. }) if lower < level => None,
        _ => Some(Violation::upward(user, place, used, lower)),
    }
}

/// Our crate `user` uses the foreign crate `used`.
fn check_owner(table: &Table, user: &str, used: &str) -> Option<Violation> {
    let owners = table.owners.get(used)?;
    let owned = owners.iter().any(|owner| owner == user);
    (!owned).then(|| Violation::not_owner(user, used, owners))
}

// === impl Place ===

impl<'a> Place<'a> {
    fn of(table: &'a Table, krate: &str) -> Option<Self> {
        if table.tools.find(krate).is_some() {
            return Some(Place::Tool);
        }
        table.layers.find(krate).map(|(level, name)| Place::Layer { level, name })
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Layer { name, .. } => name,
            Place::Tool => "tools",
        })
    }
}

// === impl Violation ===

impl Violation {
    fn not_in_table(name: &str) -> Self {
        Violation(format!("{name} is missing in [workspace.metadata.wharf] of Cargo.toml"))
    }

    fn upward(user: &str, place: Place<'_>, used: &str, upper: Place<'_>) -> Self {
        let edge = format!("{user} ({place}) -> {used} ({upper})");
        Violation(format!("{edge}: a crate uses only strictly lower layers"))
    }

    fn tool(user: &str, used: &str) -> Self {
        Violation(format!("{user} -> {used}: a tool may only be a dev-dependency"))
    }

    fn not_owner(user: &str, used: &str, owners: &[String]) -> Self {
        Violation(format!("{user} -> {used}: belongs to {}", owners.join(", ")))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn violations(packages: Value) -> Vec<String> {
        // Text, not a value: the order of the layers is what counts.
        let table = r#"{
            "layers": {"words": ["digest"], "grammar": ["manifest"], "contracts": ["core"]},
            "tools": {"test": ["testkit"]},
            "owners": {"sha2": ["digest"]}
        }"#;
        let table = serde_json::from_str(table).unwrap();
        let packages: Vec<Package> = serde_json::from_value(packages).unwrap();
        check(&table, &packages).into_iter().map(|violation| violation.0).collect()
    }

    /// The four crates of the table, with one more line in the dependencies of `name`.
    fn with_edge(name: &str, used: &str, kind: Option<&str>) -> Vec<String> {
        let mut packages = json!([
            {"name": "digest", "dependencies": [{"name": "sha2"}]},
            {"name": "manifest", "dependencies": [{"name": "digest"}]},
            {"name": "core", "dependencies": [{"name": "manifest"}, {"name": "digest"}]},
            {"name": "testkit", "dependencies": [{"name": "core"}]},
        ]);
        for package in packages.as_array_mut().unwrap() {
            if package["name"] == name {
                let edge = json!({"name": used, "kind": kind});
                package["dependencies"].as_array_mut().unwrap().push(edge);
            }
        }
        violations(packages)
    }

    #[test]
    fn edges_down_are_free() {
        assert_eq!(with_edge("core", "bytes", None), [""; 0]);
        assert_eq!(with_edge("testkit", "sha2", None), [""; 0]);
    }

    #[test]
    fn an_added_upward_edge_fails_and_is_named() {
        let found = with_edge("digest", "core", None);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("digest (words) -> core (contracts)"), "{found:?}");
        assert_eq!(with_edge("digest", "core", Some("build")).len(), 1);
        assert_eq!(with_edge("digest", "core", Some("dev")).len(), 0);
    }

    #[test]
    fn an_edge_within_a_layer_fails() {
        assert_eq!(with_edge("manifest", "manifest", None).len(), 1);
    }

    #[test]
    fn a_tool_is_used_by_tests_only() {
        assert_eq!(with_edge("core", "testkit", Some("dev")).len(), 0);
        let found = with_edge("core", "testkit", None);
        assert_eq!(found, ["core -> testkit: a tool may only be a dev-dependency"]);
    }

    #[test]
    fn a_foreign_crate_belongs_to_its_owners() {
        assert_eq!(with_edge("manifest", "sha2", None), ["manifest -> sha2: belongs to digest"]);
        assert_eq!(with_edge("manifest", "sha2", Some("dev")).len(), 0);
    }

    #[test]
    fn table_and_workspace_name_the_same_crates() {
        let found = violations(json!([{"name": "stranger", "dependencies": []}]));
        assert!(found.iter().any(|text| text.starts_with("stranger is missing in")), "{found:?}");
        assert!(found.iter().any(|text| text.starts_with("digest is in the table, but not")));
    }

    #[test]
    fn the_workspace_keeps_its_layers() {
        let workspace = Workspace::load().unwrap();
        let found = check(workspace.table(), &workspace.packages);
        assert!(found.is_empty(), "{found:#?}");
    }
}
