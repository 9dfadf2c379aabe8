//! As much of XML as the answers of stores need: elements by their names, and texts.

/// What stands in the first element of this name.
pub fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    elements(xml, name).next()
}

/// What stands in each element of this name, if none of them is inside of another one.
pub fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once(&open)?;
            rest = after;
            // `<Key` is also the beginning of `<KeyCount>`.
            if !after.starts_with(['>', ' ', '/']) {
                continue;
            }
            let (tag, inner) = after.split_once('>')?;
            if tag.ends_with('/') {
                rest = inner;
                return Some("");
            }
            let (found, next) = inner.split_once(&close)?;
            rest = next;
            return Some(found);
        }
    })
}

/// What a text stands for.
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        match after.split_once(';').and_then(|(name, next)| Some((entity(name)?, next))) {
            Some((character, next)) => {
                plain.push(character);
                rest = next;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain + rest
}

/// The text as it stands in an element.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_whole_name() {
        let xml = "<A x=\"1\"><KeyCount>2</KeyCount><Key>a</Key><Key/><Key>b&amp;</Key></A>";
        assert_eq!(elements(xml, "Key").collect::<Vec<_>>(), ["a", "", "b&amp;"]);
        assert_eq!(element(xml, "KeyCount"), Some("2"));
        assert!(element(xml, "A").is_some_and(|inner| inner.starts_with("<KeyCount>")));
        for broken in ["<Key>a", "<Key", "<", ""] {
            assert_eq!(element(broken, "Key"), None, "{broken}");
        }
    }

    #[test]
    fn texts_come_back_as_they_were() {
        for text in ["a<b>&\"c'", "", "&", "&unknown; &#0x; &#xd800;"] {
            assert_eq!(unescape(&escape(text)), text);
        }
        assert_eq!(unescape("&#65;&#x42;&apos;&nothing"), "AB'&nothing");
    }
}
