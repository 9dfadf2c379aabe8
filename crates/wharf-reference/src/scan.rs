//! The grammar, as functions that say whether, or how far, a text follows it.
//!
//! ```text
//! reference      = name [ ":" tag ] [ "@" digest ]
//! name           = [ domain "/" ] path
//! domain         = host [ ":" port ]
//! host           = label *( "." label ) / "[" 1*( hex / ":" ) "]"
//! label          = alnum [ *( alnum / "-" ) alnum ]
//! port           = 1*digit
//! path           = component *( "/" component )
//! component      = word *( separator word )
//! word           = 1*( "a"-"z" / digit )
//! separator      = "." / "_" / "__" / 1*"-"
//! tag            = ( alnum / "_" ) *127( alnum / "_" / "." / "-" )
//! digest         = algorithm ":" 32*hex
//! algorithm      = scheme *( ( "+" / "." / "_" / "-" ) scheme )
//! scheme         = alpha *alnum
//! identifier     = 64( digit / "a"-"f" )
//! ```

/// The longest tag, in bytes.
pub(crate) const TAG_MAX: usize = 128;

/// A text that follows `reference`, taken apart. Lengths, and the rules of digests beyond their
/// form, are not looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) domain: Option<&'a str>,
    pub(crate) path: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

// === impl Parts ===

impl<'a> Parts<'a> {
    /// Takes a reference apart; `None` if it is none.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        // No part but the digest begins with `@` or holds one.
        let (tagged, digest) = split_before(text, text.find('@'));
        // A colon after the last slash cannot be that of a port.
        let last = tagged.rfind('/').unwrap_or(0);
        let (name, tag) = split_before(tagged, tagged[last..].find(':').map(|colon| last + colon));
        let (domain, path) = match name.split_once('/') {
            Some((domain, path)) if is_domain(domain) => (Some(domain), path),
            _ => (None, name),
        };
        let valid = is_path(path) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
        valid.then_some(Self { domain, path, tag, digest })
    }
}

/// Whether the text is a path: the `<name>` of the OCI distribution specification.
pub(crate) fn is_path(text: &str) -> bool {
    text.split('/').all(is_component)
}

/// Whether the text is a tag.
pub(crate) fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let rest = |b: u8| word(b) || b == b'.' || b == b'-';
    let bytes = text.as_bytes();
    bytes.len() <= TAG_MAX
        && bytes.first().copied().is_some_and(word)
        && bytes.iter().copied().all(rest)
}

/// Whether the text is a host with or without a port.
pub(crate) fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => return is_ipv6(address) && is_port_suffix(port),
            None => return false,
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    host.split('.').all(is_label) && is_port_suffix(port)
}

/// Whether the text has the form of a digest, whatever its algorithm and length.
pub(crate) fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else { return false };
    algorithm.split(['+', '.', '_', '-']).all(is_scheme)
        && encoded.len() >= 32
        && encoded.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the text is an image identifier.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the text follows `component`.
fn is_component(text: &str) -> bool {
    let mut rest = text.as_bytes();
    loop {
        let word = run(rest, |b| matches!(b, b'a'..=b'z' | b'0'..=b'9'));
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        let separator = match rest {
            [] => return true,
            [b'_', b'_', ..] => 2,
            [b'_' | b'.', ..] => 1,
            _ => run(rest, |b| b == b'-'),
        };
        rest = &rest[separator..];
        if separator == 0 {
            return false;
        }
    }
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.into_iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Only the shape: no zone, no IPv4 inside, and `[:]` is one.
fn is_ipv6(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
}

/// Nothing, or a colon and digits of any number.
fn is_port_suffix(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| {
            !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit())
        })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// How many bytes at the start are of this class.
fn run(bytes: &[u8], class: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|b| class(**b)).count()
}

/// What stands before and after the ASCII mark at this place, if there is one.
fn split_before(text: &str, mark: Option<usize>) -> (&str, Option<&str>) {
    match mark {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for text in [
            "test.com",
            "test.com:10304",
            "localhost",
            "localhost:8080",
            "a",
            "a.b",
            "ab.cd.com",
            "a-b.com",
            "ab.c-om",
            "0101.com",
            "001a.com",
            "b.gbc.io:443",
            "b.gbc.io",
            "Asdf.com",
            "xn--n3h.com",
            "192.168.1.1:75050",
            "192.168.1.1:750050",
            "[fd00:1:2::3]:75050",
            "[fd00123123123]:75050",
            "[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:75050",
        ] {
            assert!(is_domain(text), "{text}");
        }
        for text in [
            "",
            "test.com:http",
            "test.com:",
            ":80",
            "-ab.com",
            "ab-.com",
            "ab.-com",
            "ab.com-",
            "a..b",
            "a.",
            "a_b.com",
            "[fd00:1:2::3]75050",
            "[fd00:1:2::3]::75050",
            "[fd00:1:2::3%eth0]:75050",
            "[]:75050",
            "[fd00",
            "fd00:1:2::3:75050",
        ] {
            assert!(!is_domain(text), "{text}");
        }
    }

    #[test]
    fn identifiers() {
        let digits = "da304e823d8ca2b9d863a3c897baeb852ba21ea9a9f1414736394ae7fcaf9821";
        assert!(is_identifier(digits));
        for text in [
            "7EC43B381E5AEFE6E04EFB0B3F0693FF2A4A50652D64AEC573905F2DB5889A1C",
            &digits[..60],
            &format!("{digits}4321"),
            &format!("sha256:{digits}"),
        ] {
            assert!(!is_identifier(text), "{text}");
        }
    }

    #[test]
    fn tags() {
        for text in ["a", "_", "0", "A.b-C_d", &"x".repeat(TAG_MAX)] {
            assert!(is_tag(text), "{text}");
        }
        for text in ["", ".a", "-a", "a:b", "a/b", "é", "a b", "a\n", &"x".repeat(TAG_MAX + 1)] {
            assert!(!is_tag(text), "{text}");
        }
    }
}
