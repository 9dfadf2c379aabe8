//! docs/configuration.md and docs/config.schema.json, from the table of keys.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use wharf_config::schema::{Key, Kind, Origin, SCHEMA, Shape, Support};

use crate::files::Generated;

const HEAD: &str = include_str!("configuration.md");

/// Both documents.
pub(super) fn documents() -> [Generated; 2] {
    let mut schema = serde_json::to_string_pretty(&schema()).expect("its keys are texts");
    schema.push('\n');
    [
        Generated { path: "docs/configuration.md".into(), content: reference() },
        Generated { path: "docs/config.schema.json".into(), content: schema },
    ]
}

// === the reference ===

fn reference() -> String {
    let mut text = HEAD.to_owned();
    text.push_str(TABLE);
    let (sections, values): (Vec<_>, Vec<_>) =
        SCHEMA.iter().partition(|key| !key.keys().is_empty());
    values.iter().for_each(|key| row(&mut text, key.name, key));
    for section in sections {
        _ = write!(text, "\n## `{}`\n\n{}{}\n\n{TABLE}", section.name, section.doc, state(section));
        rows(&mut text, section.name, section.keys());
    }
    text
}

const TABLE: &str = "| key | holds | default | meaning |\n|---|---|---|---|\n";

fn rows(text: &mut String, parent: &str, keys: &[Key]) {
    for key in keys {
        let path = format!("{parent}.{}", key.name);
        // The other name of s3 has the same keys.
        let same = key.name == "s3aws";
        row(text, &path, key);
        if !same {
            let item = if matches!(key.shape, Shape::List(_)) { ".N" } else { "" };
            rows(text, &format!("{path}{item}"), key.keys());
        }
    }
}

fn row(text: &mut String, path: &str, key: &Key) {
    let default = key.default.map(|default| format!("`{default}`")).unwrap_or_default();
    let meaning = format!("{}{}{}", key.doc, origin(key), state(key)).replace('|', "\\|");
    _ = writeln!(text, "| `{path}` | {} | {default} | {meaning} |", holds(key));
}

fn holds(key: &Key) -> String {
    let value = match key.kind {
        Kind::Text if key.secret => "secret".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Flag => "flag".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Bytes => "bytes".to_owned(),
        Kind::Time => "duration".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Url => "URL".to_owned(),
        Kind::Address => "address".to_owned(),
        Kind::Pattern => "pattern".to_owned(),
        Kind::Word(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
    };
    match key.shape {
        Shape::Value => value,
        Shape::List(&Shape::Value) => format!("list: {value}"),
        Shape::List(_) => "list of sections".to_owned(),
        Shape::Map(&Shape::Value) => format!("map: {value}"),
        Shape::Map(_) => format!("map of lists: {value}"),
        Shape::Section(_) | Shape::Choice(_) => "section".to_owned(),
        Shape::Free => "anything".to_owned(),
    }
}

fn origin(key: &Key) -> &'static str {
    match key.origin {
        Origin::Distribution => "",
        Origin::Version2 => " *(version 2)*",
        Origin::Wharf => " *(ours)*",
    }
}

fn state(key: &Key) -> String {
    match key.support {
        Support::Read => String::new(),
        Support::Ignored(why) => format!(" **Ignored, with a warning**: {why}."),
        Support::Refused(why) => format!(" **Refused**: {why}."),
    }
}

// === the schema ===

fn schema() -> Value {
    let mut schema = section(SCHEMA);
    let more = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of Wharf, an OCI container registry",
        "required": ["version", "storage"],
    });
    merge(&mut schema, more);
    schema
}

fn section(keys: &[Key]) -> Value {
    let properties: Map<String, Value> =
        keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
}

fn property(key: &Key) -> Value {
    let mut property = shape(&key.shape, key);
    merge(&mut property, json!({"description": format!("{}{}", key.doc, state(key))}));
    if let Some(default) = key.default {
        let default = match key.kind {
            Kind::Flag | Kind::Number | Kind::Bytes => {
                serde_json::from_str(default).unwrap_or_else(|_| json!(default))
            }
            _ => json!(default),
        };
        merge(&mut property, json!({"default": default}));
    }
    if key.support != Support::Read || key.origin == Origin::Version2 {
        merge(&mut property, json!({"deprecated": true}));
    }
    property
}

fn shape(shape: &Shape, key: &Key) -> Value {
    match shape {
        Shape::Value => value(key.kind),
        Shape::Section(keys) => section(keys),
        Shape::Choice(keys) => {
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            json!({"anyOf": [{"enum": names}, section(keys)]})
        }
        Shape::Map(item) => {
            json!({"type": ["object", "null"], "additionalProperties": self::shape(item, key)})
        }
        Shape::List(item) => json!({"type": ["array", "null"], "items": self::shape(item, key)}),
        Shape::Free => json!({}),
    }
}

fn value(kind: Kind) -> Value {
    match kind {
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number => json!({"type": "integer"}),
        Kind::Bytes => json!({"type": "integer", "minimum": 0}),
        Kind::Time => json!({
            "type": ["string", "integer"],
            "pattern": r"^\+?([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+$|^[0-9]+$",
        }),
        // Some words are numbers for YAML.
        Kind::Word(words) => {
            let numbers = words.iter().filter_map(|word| serde_json::from_str::<f64>(word).ok());
            let numbers = numbers.map(|number| match number.fract() == 0.0 {
                true => json!(number as i64),
                false => json!(number),
            });
            let words = words.iter().map(|word| json!(word));
            json!({"enum": words.chain(numbers).collect::<Vec<_>>()})
        }
        Kind::Url | Kind::Address | Kind::Path | Kind::Pattern => json!({"type": "string"}),
        Kind::Text => json!({"type": ["string", "number", "boolean"]}),
    }
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_in_both_documents() {
        let (reference, schema) = (reference(), schema());
        let paths = wharf_config::schema::read_keys();
        for path in paths.iter().filter(|path| !path.starts_with("storage.s3aws.")) {
            assert!(reference.contains(&format!("| `{path}` |")), "{path}");
        }
        for path in paths {
            let mut at = &schema;
            for part in path.split('.') {
                let inner = at.get("anyOf").map_or(at, |ways| &ways[1]);
                at = &inner["properties"][part];
                assert!(at["description"].is_string(), "{path}");
            }
        }
    }
}
