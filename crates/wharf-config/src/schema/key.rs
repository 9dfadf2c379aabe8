//! What is known of a key, and the words in which its row says so.

/// A key and what may stand below it.
#[derive(Debug)]
pub struct Key {
    /// What it is called in a file.
    pub name: &'static str,
    /// What it is called in a variable, where that is not its name in upper case.
    pub variable: Option<&'static str>,
    /// What it holds.
    pub shape: Shape,
    /// What the values in it are.
    pub kind: Kind,
    /// What holds where it is not given, as it would be written; `None` for nothing, or for what its
    /// sentence says.
    pub default: Option<&'static str>,
    /// What it is for, in one sentence.
    pub doc: &'static str,
    /// Whose it is.
    pub origin: Origin,
    /// Whether its values must not be shown.
    pub secret: bool,
    /// Whether it means something only by being there, so that its defaults are none without it.
    pub optional: bool,
    /// What becomes of it.
    pub support: Support,
}

/// What a key holds.
#[derive(Debug)]
pub enum Shape {
    /// One text, number, flag or duration.
    Value,
    /// These keys.
    Section(&'static [Key]),
    /// One of these keys, or just its name; some of them may be settings for whichever it is. What
    /// is not among them is an error: nobody chooses something in order to go without it.
    Choice(&'static [Key]),
    /// Keys that the operator makes up, with values of one shape.
    Map(&'static Shape),
    /// Items of one shape.
    List(&'static Shape),
    /// Anything: only its owner knows.
    Free,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// A number of bytes.
    Bytes,
    /// A duration such as `90s` or `1h30m`; a bare number is nanoseconds.
    Time,
    /// The path of a file or a folder.
    Path,
    /// A URL, or what is left of one where its scheme goes without saying.
    Url,
    /// `HOST:PORT` or `:PORT`.
    Address,
    /// A regular expression.
    Pattern,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// Whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The original's, of version 3.
    Distribution,
    /// The original's, of version 2; it has another name or no meaning in version 3.
    Version2,
    /// Ours: the original ignores it.
    Wharf,
}

/// What becomes of a key that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is read.
    Read,
    /// It has no effect, which is no harm; the operator is told this.
    Ignored(&'static str),
    /// It has no effect, which the operator could not want: an error that says this, if the key is
    /// set to anything.
    Refused(&'static str),
}

// === impl Key ===

impl Key {
    /// The keys below it, if it has keys of its own.
    pub fn keys(&self) -> &'static [Key] {
        match self.shape {
            Shape::Section(keys)
            | Shape::Choice(keys)
            | Shape::List(&Shape::Section(keys))
            | Shape::Map(&Shape::Section(keys)) => keys,
            _ => &[],
        }
    }

    /// How many of these parts of a variable's name mean this key, if they do: as many as its name has
    /// underscores, and one.
    pub(crate) fn variable_parts(&self, parts: &[&str]) -> Option<usize> {
        let name = self.variable_name();
        let length = match parts.first() {
            // Two underscores have made one part of it.
            Some(part) if part.contains('_') => 1,
            _ => name.split('_').count(),
        };
        (parts.get(..length)?.join("_") == name).then_some(length)
    }

    /// What it is called in a variable.
    pub fn variable_name(&self) -> String {
        self.variable.map_or_else(|| self.name.to_ascii_uppercase(), str::to_owned)
    }

    /// Says what it is for.
    pub(crate) const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Says what holds without it.
    pub(crate) const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Takes back the default of its kind: its sentence says what holds.
    pub(crate) const fn unsaid(mut self) -> Self {
        self.default = None;
        self
    }

    pub(crate) const fn variable(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }

    /// A list of what it was.
    pub(crate) const fn list(mut self) -> Self {
        self.shape = Shape::List(&Shape::Value);
        self
    }

    /// A map, with keys that the operator makes up, of what it was.
    pub(crate) const fn map(mut self) -> Self {
        self.shape = Shape::Map(&Shape::Value);
        self
    }

    /// Headers: names that the operator makes up, each with a list of values.
    pub(crate) const fn headers(mut self) -> Self {
        self.shape = Shape::Map(&Shape::List(&Shape::Value));
        self
    }

    pub(crate) const fn ours(mut self) -> Self {
        self.origin = Origin::Wharf;
        self
    }

    pub(crate) const fn version_2(mut self) -> Self {
        self.origin = Origin::Version2;
        self
    }

    pub(crate) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(crate) const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(crate) const fn ignored(mut self, why: &'static str) -> Self {
        self.support = Support::Ignored(why);
        self
    }

    pub(crate) const fn refused(mut self, why: &'static str) -> Self {
        self.support = Support::Refused(why);
        self
    }
}

// === rows ===

pub(crate) const fn key(name: &'static str, shape: Shape) -> Key {
    Key {
        name,
        variable: None,
        shape,
        kind: Kind::Text,
        default: None,
        doc: "",
        origin: Origin::Distribution,
        secret: false,
        optional: false,
        support: Support::Read,
    }
}

const fn of(kind: Kind, name: &'static str, doc: &'static str) -> Key {
    Key { kind, ..value(name).doc(doc) }
}

pub(crate) const fn text(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Text, name, doc)
}

/// A flag that is off unless it is said to be on.
pub(crate) const fn flag(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Flag, name, doc).or("false")
}

pub(crate) const fn number(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Number, name, doc)
}

pub(crate) const fn bytes(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Bytes, name, doc)
}

pub(crate) const fn time(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Time, name, doc)
}

pub(crate) const fn path(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Path, name, doc)
}

pub(crate) const fn url(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Url, name, doc)
}

pub(crate) const fn address(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Address, name, doc)
}

pub(crate) const fn pattern(name: &'static str, doc: &'static str) -> Key {
    of(Kind::Pattern, name, doc)
}

pub(crate) const fn word(
    name: &'static str,
    words: &'static [&'static str],
    doc: &'static str,
) -> Key {
    of(Kind::Word(words), name, doc)
}

pub(crate) const fn section(name: &'static str, keys: &'static [Key]) -> Key {
    key(name, Shape::Section(keys))
}

pub(crate) const fn sections(name: &'static str, item: &'static Shape) -> Key {
    key(name, Shape::List(item))
}

pub(crate) const fn free(name: &'static str) -> Key {
    key(name, Shape::Free)
}

pub(crate) const fn choice(name: &'static str, keys: &'static [Key]) -> Key {
    key(name, Shape::Choice(keys))
}

/// A key about which nothing more is said.
pub(crate) const fn value(name: &'static str) -> Key {
    key(name, Shape::Value)
}
