//! From YAML to the tree.

use std::{cell::RefCell, fmt, sync::Arc};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{
    Location, Spanned,
    options::{DuplicateKeyPolicy, NonFiniteFloatPolicy},
};

use crate::{
    ConfigError, Place, Warning,
    schema::join,
    tree::{Entry, Node, Value},
};

/// A configuration is small; what is larger than this is something else.
const LARGEST: usize = 1024 * 1024;

type Raw = Spanned<RawValue>;

/// What the parser makes of a document. What it read as anything but a text is cut out of the source
/// again, so that `0010`, `1.10` and `yes` stay what was written.
enum RawValue {
    Null,
    Text(String),
    Plain(String),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

struct Source<'a> {
    text: &'a str,
    origin: Origin,
    /// What was found on the way.
    warnings: RefCell<Vec<Warning>>,
}

/// What the places of a document are called.
pub(crate) enum Origin {
    File(Arc<str>),
    Variable(Arc<str>),
}

/// Parses one document; an empty one is null. Of a key that stands twice the last one counts, as in the
/// original, and its operator should know.
pub(crate) fn parse(text: &str, origin: Origin) -> Result<(Node, Vec<Warning>), ConfigError> {
    let source = Source { text, origin, warnings: RefCell::default() };
    if text.len() > LARGEST {
        return Err(source.error(0, &format!("larger than {LARGEST} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 100_000,
            max_depth: 64,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_nodes: 50_000,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Option<Raw>>(text, options) {
        Ok(Some(raw)) => {
            let node = source.node(raw, "");
            Ok((node, source.warnings.into_inner()))
        }
        Ok(None) => Ok((Node::null(source.place(0)), Vec::new())),
        Err(error) => {
            let line = error.location().map_or(0, |location| location.line());
            Err(source.error(line, &format!("invalid YAML: {}", one_line(&error.to_string()))))
        }
    }
}

// === impl Source ===

impl Source<'_> {
    fn place(&self, line: u64) -> Place {
        match &self.origin {
            Origin::File(name) => Place::File { name: name.clone(), line },
            Origin::Variable(name) => Place::Variable(name.clone()),
        }
    }

    fn error(&self, line: u64, problem: &str) -> ConfigError {
        // A variable may hold a secret, which the parser's message could repeat.
        let problem = match self.origin {
            Origin::File(_) => problem,
            Origin::Variable(_) => "invalid YAML",
        };
        ConfigError::new(self.place(line), "", problem)
    }

    fn node(&self, raw: Raw, path: &str) -> Node {
        let value = match raw.value {
            RawValue::Null => Value::Null,
            RawValue::Text(text) => Value::Scalar(text),
            RawValue::Plain(text) => Value::Scalar(self.written(raw.defined).unwrap_or(text)),
            RawValue::List(list) => {
                let item = |(n, raw): (usize, Raw)| self.node(raw, &join(path, &n.to_string()));
                Value::List(list.into_iter().enumerate().map(item).collect())
            }
            RawValue::Map(entries) => Value::Map(self.entries(entries, path)),
        };
        Node { place: self.place(raw.referenced.line()), value }
    }

    fn entries(&self, raw: Vec<(Spanned<String>, Raw)>, path: &str) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (key, raw) in raw {
            let (place, path) = (self.place(key.referenced.line()), join(path, &key.value));
            let entry = Entry { node: self.node(raw, &path), key: key.value, place };
            match entries.iter_mut().find(|other| other.key == entry.key) {
                None => entries.push(entry),
                Some(other) => {
                    let problem = match &other.place {
                        Place::File { line, .. } => {
                            format!("stands on line {line}, too; this one counts")
                        }
                        Place::Variable(_) => "stands twice; the last one counts".to_owned(),
                    };
                    let warning = Warning::new(entry.place.clone(), path, problem);
                    self.warnings.borrow_mut().push(warning);
                    *other = entry;
                }
            }
        }
        entries
    }

    /// The text of a plain scalar as the author wrote it.
    fn written(&self, location: Location) -> Option<String> {
        let (offset, length) = (location.span().byte_offset()?, location.span().byte_len()?);
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        let text = self.text.get(start..end)?.trim();
        // A tag before the value is no part of it, and then the parsed form serves as well.
        (!text.is_empty() && !text.starts_with(['!', '&', '"', '\''])).then(|| text.to_owned())
    }
}

// === impl RawValue ===

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = RawValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, a list or a map")
            }
            fn visit_unit<E>(self) -> Result<RawValue, E> {
                Ok(RawValue::Null)
            }
            fn visit_none<E>(self) -> Result<RawValue, E> {
                Ok(RawValue::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<RawValue, D::Error> {
                inner.deserialize_any(self)
            }
            fn visit_bool<E>(self, value: bool) -> Result<RawValue, E> {
                Ok(RawValue::Plain(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
                Ok(RawValue::Plain(value.to_string()))
            }
            fn visit_i128<E>(self, value: i128) -> Result<RawValue, E> {
                Ok(RawValue::Plain(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
                Ok(RawValue::Plain(value.to_string()))
            }
            fn visit_u128<E>(self, value: u128) -> Result<RawValue, E> {
                Ok(RawValue::Plain(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<RawValue, E> {
                Ok(RawValue::Plain(value.to_string()))
            }
            fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
                Ok(RawValue::Text(value.to_owned()))
            }
            fn visit_string<E>(self, value: String) -> Result<RawValue, E> {
                Ok(RawValue::Text(value))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawValue, A::Error> {
                let mut list = Vec::new();
                while let Some(raw) = access.next_element()? {
                    list.push(raw);
                }
                Ok(RawValue::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawValue, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    entries.push(entry);
                }
                Ok(RawValue::Map(entries))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, String> {
        let parsed = parse(text, Origin::File("f".into()));
        parsed.map(|(node, _)| node).map_err(|error| error.to_string())
    }

    #[test]
    fn scalars_stay_as_they_were_written() {
        for (text, expected) in [
            ("0010", "0010"),
            ("1.10", "1.10"),
            ("0x1F", "0x1F"),
            ("1e5", "1e5"),
            ("yes", "yes"),
            ("True  # comment", "True"),
            (".inf", ".inf"),
            ("-5", "-5"),
            ("99999999999999999999999999999999", "99999999999999999999999999999999"),
            ("'0010'", "0010"),
            ("\"1.10\"", "1.10"),
            ("!!int 5", "5"),
            ("!!str 0x10", "0x10"),
            (":5000", ":5000"),
            ("{a: 1.10}", "1.10"),
            ("\"ä\": 1.10", "1.10"),
            ("b: &x 007\na: *x", "007"),
            ("a: &x\n  2.50", "2.50"),
        ] {
            let node = read(text).expect(text);
            let node = node.entries().last().map_or(&node, |entry| &entry.node);
            assert_eq!(node.value, Value::Scalar(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn places_are_lines() {
        let node = read("a: 1\nb:\n  - x\n  - c:\n").expect("valid");
        let places = node.entries().iter().map(|entry| entry.place.to_string());
        assert_eq!(places.collect::<Vec<_>>(), ["f:1", "f:2"]);
        let Value::List(list) = &node.entries()[1].node.value else { panic!("{node:?}") };
        assert_eq!(list[1].entries()[0].place.to_string(), "f:4");
    }

    #[test]
    fn what_is_no_document_is_an_error_with_its_line() {
        for (text, place) in [
            ("a: [1,\nb: }", "f:1: "),
            ("a: 1\n---\nb: 2", "f:"),
            ("a: 1\n  b: 2", "f:2: "),
            ("a: *missing", "f:1: "),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(place), "{text}: {error}");
        }
    }

    #[test]
    fn the_last_of_two_counts() {
        let text = "a:\n  b: 1\n  c: 2\n  b: 3\n";
        let (node, warnings) = parse(text, Origin::File("f".into())).expect("valid");
        let entries = node.entries()[0].node.entries();
        let keys: Vec<_> = entries.iter().map(|entry| (&*entry.key, &entry.node.value)).collect();
        let scalar = |text: &str| Value::Scalar(text.to_owned());
        assert_eq!(keys, [("b", &scalar("3")), ("c", &scalar("2"))]);
        let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["f:4: a.b: stands on line 2, too; this one counts"]);
    }

    #[test]
    fn bombs_are_refused() {
        let deep = "[".repeat(10_000);
        let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..12 {
            let inner = vec![format!("*a{}", n - 1); 10].join(",");
            laughs.push_str(&format!("a{n}: &a{n} [{inner}]\n"));
        }
        for text in [deep, laughs, " ".repeat(LARGEST + 1), "a: &a [*a]".to_owned()] {
            assert!(read(&text).is_err(), "{}", &text[..20.min(text.len())]);
        }
    }

    #[test]
    fn nothing_is_null() {
        for text in ["", "# only a comment\n", "---\n", "null", "~"] {
            assert_eq!(read(text).expect(text).value, Value::Null, "{text:?}");
        }
    }
}
