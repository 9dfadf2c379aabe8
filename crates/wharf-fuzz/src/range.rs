//! `Range` of a read and `Content-Range` of an upload.

use std::ops::Range;

use wharf_content::{ByteRange, ChunkRange, RangeSet};

use crate::input::{expect_message, text};

const SIZES: [u64; 6] = [0, 1, 10, 4096, u64::MAX - 1, u64::MAX];

/// What is read prints as something that is read alike; no part lies outside of the content, and no
/// byte is sent twice.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match ByteRange::parse(text) {
        Ok(range) => {
            assert_eq!(ByteRange::parse(&range.to_string()), Ok(range));
            SIZES.iter().for_each(|size| inside(range.resolve(*size), *size));
        }
        Err(error) => expect_message(&error),
    }
    match RangeSet::parse(text) {
        Ok(Some(set)) => several(&set),
        Ok(None) => {}
        Err(error) => expect_message(&error),
    }
    match ChunkRange::parse(text) {
        Ok(chunk) => {
            assert_eq!(ChunkRange::parse(&chunk.to_string()), Ok(chunk));
            assert!(chunk.first() <= chunk.last());
            assert_eq!(chunk.first().checked_add(chunk.len()), chunk.last().checked_add(1));
            assert!(chunk.last() < u64::MAX);
        }
        Err(error) => expect_message(&error),
    }
}

fn inside(range: Option<Range<u64>>, size: u64) {
    if let Some(range) = range {
        assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
    }
}

fn several(set: &RangeSet) {
    assert!((1..=RangeSet::MOST).contains(&set.iter().len()));
    assert_eq!(RangeSet::parse(&set.to_string()), Ok(Some(set.clone())));
    for size in SIZES {
        let parts = set.resolve(size);
        parts.iter().for_each(|part| inside(Some(part.clone()), size));
        let mut sorted = parts.clone();
        sorted.sort_by_key(|part| part.start);
        assert!(sorted.windows(2).all(|pair| pair[0].end < pair[1].start), "{parts:?}");
        for wanted in set.iter().filter_map(|range| range.resolve(size)) {
            let covers = |part: &Range<u64>| part.start <= wanted.start && wanted.end <= part.end;
            assert!(parts.iter().any(covers), "{wanted:?} is not in {parts:?}");
        }
    }
}
