//! Byte ranges of requests.

use std::{fmt, ops::Range};

/// One range of a `Range: bytes=…` header, RFC 9110 section 14.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `first-`: from this offset to the end.
    From(u64),
    /// `first-last`, both inclusive, `first <= last`.
    Between(u64, u64),
    /// `-length`: the last so many bytes.
    Suffix(u64),
}

/// The ranges of one `Range` header, in the order of the request: at least one, at most
/// [`RangeSet::MOST`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSet(Vec<ByteRange>);

/// The `Content-Range: first-last` of an upload chunk, both inclusive, without the unit
/// (OCI distribution specification, "Pushing a blob in chunks").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRange {
    first: u64,
    last: u64,
}

/// Why a range was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// The text does not follow the grammar.
    #[error("invalid range {0:?}")]
    Malformed(String),
    /// The last byte comes before the first.
    #[error("invalid range {first}-{last}: it ends before it begins")]
    Reversed {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// More ranges than [`RangeSet::MOST`].
    #[error("more than {} ranges", RangeSet::MOST)]
    TooMany,
}

// === impl ByteRange ===

impl ByteRange {
    /// Reads one element of a `Range` header: `first-last`, `first-` or `-length`. A number beyond
    /// 64 bits is valid there and means the largest one.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        let malformed = || RangeError::malformed(text);
        let (first, last) = text.split_once('-').ok_or_else(malformed)?;
        match (first.is_empty(), last.is_empty()) {
            (true, _) => Ok(Self::Suffix(position(last).ok_or_else(malformed)?)),
            (_, true) => Ok(Self::From(position(first).ok_or_else(malformed)?)),
            _ => {
                let (first, last) = position(first).zip(position(last)).ok_or_else(malformed)?;
                in_order(first, last)?;
                Ok(Self::Between(first, last))
            }
        }
    }

    /// The bytes that it names in content of `size` bytes, `None` if there are none
    /// (416, RFC 9110 section 15.5.17).
    pub fn resolve(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first) => first..size,
            Self::Between(first, last) => first..size.min(last.saturating_add(1)),
            Self::Suffix(length) => size.saturating_sub(length)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(first) => write!(f, "{first}-"),
            Self::Between(first, last) => write!(f, "{first}-{last}"),
            Self::Suffix(length) => write!(f, "-{length}"),
        }
    }
}

// === impl RangeSet ===

impl RangeSet {
    /// The most ranges that one request may ask for.
    pub const MOST: usize = 16;

    /// Reads the value of a `Range` header. `None` for another unit than bytes, which a server has
    /// to ignore (RFC 9110 section 14.2). An error may be answered with 416, or with all content.
    pub fn parse(text: &str) -> Result<Option<Self>, RangeError> {
        let (unit, ranges) = text.split_once('=').ok_or_else(|| RangeError::malformed(text))?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Ok(None);
        }
        let mut set = Vec::new();
        for range in elements(ranges) {
            if set.len() == Self::MOST {
                return Err(RangeError::TooMany);
            }
            set.push(ByteRange::parse(range)?);
        }
        if set.is_empty() {
            return Err(RangeError::malformed(text));
        }
        Ok(Some(Self(set)))
    }

    /// The ranges, in the order of the request.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ByteRange> + '_ {
        self.0.iter().copied()
    }

    /// The bytes to send of content of `size` bytes, in the order of the request; empty if no range
    /// can be satisfied (416).
    ///
    /// Ranges that overlap or touch become one, so that no byte is ever sent twice: a request for
    /// the same gigabyte sixteen times costs one gigabyte (RFC 9110 section 15.3.7.2 allows it).
    pub fn resolve(&self, size: u64) -> Vec<Range<u64>> {
        let mut parts: Vec<Range<u64>> = Vec::new();
        for range in self.iter().filter_map(|range| range.resolve(size)) {
            merge(&mut parts, range);
        }
        parts
    }
}

impl fmt::Display for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<_> = self.iter().map(|range| range.to_string()).collect();
        write!(f, "bytes={}", ranges.join(","))
    }
}

// === impl ChunkRange ===

impl ChunkRange {
    /// Reads `first-last`. Some clients write the `Content-Range` of RFC 9110 instead,
    /// `bytes first-last/total`: that is understood too, if the total leaves room for the range.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        let malformed = || RangeError::malformed(text);
        let range = text.trim();
        let range =
            range.strip_prefix("bytes").map_or(range, |rest| rest.trim_start_matches([' ', '=']));
        let (range, total) = match range.split_once('/') {
            Some((range, "*")) => (range, None),
            Some((range, total)) => (range, Some(offset(total).ok_or_else(malformed)?)),
            None => (range, None),
        };
        let (first, last) = range.split_once('-').ok_or_else(malformed)?;
        let (first, last) = offset(first).zip(offset(last)).ok_or_else(malformed)?;
        in_order(first, last)?;
        match total {
            Some(total) if total <= last => Err(malformed()),
            _ => Ok(Self { first, last }),
        }
    }

    /// The offset of the first byte of the chunk.
    pub fn first(self) -> u64 {
        self.first
    }

    /// The offset of the last byte of the chunk.
    pub fn last(self) -> u64 {
        self.last
    }

    /// The number of bytes in the chunk, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a chunk range is never empty")]
    pub fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

impl fmt::Display for ChunkRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

// === impl RangeError ===

impl RangeError {
    /// The most characters of a refused text that a message repeats.
    const SHOWN: usize = 64;

    fn malformed(text: &str) -> Self {
        Self::Malformed(text.chars().take(Self::SHOWN).collect())
    }
}

/// The elements of a comma-separated list; empty ones do not count (RFC 9110 section 5.6.1).
fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|element| element.trim_matches([' ', '\t'])).filter(|e| !e.is_empty())
}

fn in_order(first: u64, last: u64) -> Result<(), RangeError> {
    if first <= last { Ok(()) } else { Err(RangeError::Reversed { first, last }) }
}

/// Digits, as far as 64 bits reach: what lies beyond any content is simply not there.
fn position(digits: &str) -> Option<u64> {
    is_number(digits).then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Digits that are the offset of a byte: one more than it still fits in 64 bits.
fn offset(digits: &str) -> Option<u64> {
    let offset = digits.parse().ok().filter(|offset| *offset < u64::MAX);
    offset.filter(|_| is_number(digits))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Adds a range where it comes, or to the first part that it touches, which then takes up the
/// others that it has reached.
fn merge(parts: &mut Vec<Range<u64>>, range: Range<u64>) {
    let touches = |a: &Range<u64>, b: &Range<u64>| a.start <= b.end && b.start <= a.end;
    let Some(place) = parts.iter().position(|part| touches(part, &range)) else {
        parts.push(range);
        return;
    };
    let mut whole = join(&parts[place], &range);
    // What did not touch the range may touch the part that the range has grown: only the range
    // itself is new, though, so that one more pass over the rest is enough.
    let rest = parts.split_off(place + 1);
    for part in rest {
        if touches(&part, &whole) {
            whole = join(&part, &whole);
        } else {
            parts.push(part);
        }
    }
    parts[place] = whole;
}

fn join(a: &Range<u64>, b: &Range<u64>) -> Range<u64> {
    a.start.min(b.start)..a.end.max(b.end)
}

#[cfg(test)]
mod tests;
