//! Mistakes that people make in a configuration, and what they are told: mistakes.txt.

use wharf_config::Configuration;

/// What stands before a case that does not begin with a version.
const BEFORE: &str = "version: 0.1\nstorage: inmemory\n";

/// A file with variables, and what is said about it: the error, or else the warnings.
struct Case {
    file: String,
    variables: Vec<(String, String)>,
    said: Vec<String>,
}

#[test]
fn every_mistake_is_named_with_its_file_line_and_key() {
    let cases: Vec<Case> = include_str!("mistakes.txt").split("\n\n").filter_map(parse).collect();
    assert!(cases.len() >= 60, "{}", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(Case::check).collect();
    assert!(wrong.is_empty(), "{} are told something else:\n{}", wrong.len(), wrong.join("\n"));
}

fn parse(text: &str) -> Option<Case> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut case = Case { file: String::new(), variables: Vec::new(), said: Vec::new() };
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some(said) = line.strip_prefix("=> ") {
            case.said.push(said.to_owned());
        } else if let Some((name, value)) = line.strip_prefix("$ ").and_then(|l| l.split_once('='))
        {
            case.variables.push((name.to_owned(), value.to_owned()));
        } else {
            case.file.push_str(line);
            case.file.push('\n');
        }
    }
    let is_whole =
        ["version", "storage", "- ", "\""].iter().any(|begin| case.file.starts_with(begin));
    if !is_whole {
        case.file.insert_str(0, BEFORE);
    }
    (!case.said.is_empty()).then_some(case)
}

// === impl Case ===

impl Case {
    /// What is said instead.
    fn check(&self) -> Option<String> {
        let loaded = Configuration::load(&self.file, "c.yml", self.variables.clone());
        let said: Vec<String> = match loaded {
            Err(error) => vec![format!("error: {error}")],
            Ok(loaded) => loaded.warnings.iter().map(|w| format!("warning: {w}")).collect(),
        };
        let as_written: Vec<String> = said.iter().map(|line| format!("=> {line}")).collect();
        (said != self.said).then(|| format!("{}{}\n", self.file, as_written.join("\n")))
    }
}
