//! SECURITY.md and the tests that it names are of one mind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace;

/// How tests begin that hold off what broke other registries.
const KINDS: [&str; 2] = ["cve_", "zot_"];

/// Every file of Rust in a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let below = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false if path.extension().is_some_and(|end| end == "rs") => vec![path],
        false => Vec::new(),
    };
    paths.flat_map(below).collect()
}

/// The names of the functions of a crate.
fn functions(name: &str) -> BTreeSet<String> {
    let folder = workspace::root().join("crates").join(name);
    let files = ["src", "tests"].map(|part| sources(&folder.join(part)));
    let texts = files.iter().flatten().map(|path| fs::read_to_string(path).expect("it is text"));
    let named = |text: String| -> Vec<String> {
        let names = text.split("fn ").skip(1).filter_map(|rest| rest.split_once(['(', '<']));
        names.map(|(name, _)| name.to_owned()).collect()
    };
    texts.flat_map(named).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_page_names_is_there_and_none_is_left_out() {
    let page = fs::read_to_string(workspace::root().join("SECURITY.md")).expect("the page");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let mut named = BTreeSet::new();
    for row in rows.iter().skip(1) {
        let mut words = quoted(row).peekable();
        let mut tests = 0;
        while let Some(name) = words.next() {
            let there = functions(name);
            assert!(!there.is_empty(), "{row}: {name} is no crate");
            while let Some(test) = words.next_if(|word| !word.contains('-')) {
                assert!(there.contains(test), "{row}: {name} has no test {test}");
                named.insert(test.to_owned());
                tests += 1;
            }
        }
        assert!(tests > 0, "{row} names no test");
    }
    let crates = fs::read_dir(workspace::root().join("crates")).expect("the crates").flatten();
    let all = crates.flat_map(|entry| functions(&entry.file_name().to_string_lossy()));
    let of_a_kind = |name: &String| KINDS.iter().any(|kind| name.starts_with(kind));
    let missing: Vec<_> = all.filter(of_a_kind).filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "SECURITY.md does not name {missing:?}");
}
