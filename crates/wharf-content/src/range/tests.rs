use proptest::prelude::*;

use super::*;

#[test]
fn range_headers_follow_rfc_9110() {
    use ByteRange::{Between, From, Suffix};
    let check = |text: &str, expected: &[ByteRange]| {
        assert_eq!(RangeSet::parse(text), Ok(Some(RangeSet(expected.to_vec()))), "{text}");
    };
    check("bytes=0-499", &[Between(0, 499)]);
    check("bytes=500-", &[From(500)]);
    check("bytes=-500", &[Suffix(500)]);
    check("bytes=-0", &[Suffix(0)]);
    check("BYTES=0-0", &[Between(0, 0)]);
    check(
        "bytes= 0-999, 4500-5499 ,\t-1000",
        &[Between(0, 999), Between(4500, 5499), Suffix(1000)],
    );
    check("bytes=,0-1,,2-3,", &[Between(0, 1), Between(2, 3)]);
    check("bytes=007-0008", &[Between(7, 8)]);
    check("bytes=0-99999999999999999999999", &[Between(0, u64::MAX)]);
}

#[test]
fn another_unit_is_ignored() {
    assert_eq!(RangeSet::parse("items=0-5"), Ok(None));
    assert_eq!(RangeSet::parse("=0-5"), Ok(None));
}

#[test]
fn broken_range_headers_are_errors() {
    for text in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=0x1-2",
        "bytes=１-２",
    ] {
        assert!(matches!(RangeSet::parse(text), Err(RangeError::Malformed(_))), "{text}");
    }
    assert_eq!(RangeSet::parse("bytes=500-0"), Err(RangeError::Reversed { first: 500, last: 0 }));
    let many = format!("bytes={}", vec!["0-0"; RangeSet::MOST + 1].join(","));
    assert_eq!(RangeSet::parse(&many), Err(RangeError::TooMany));
    let RangeError::Malformed(shown) = RangeSet::parse(&"x".repeat(100_000)).unwrap_err() else {
        panic!("malformed")
    };
    assert_eq!(shown.len(), RangeError::SHOWN);
}

#[test]
fn ranges_resolve_in_the_order_of_the_request() {
    let check = |text: &str, size: u64, expected: &[(u64, u64)]| {
        let set = RangeSet::parse(text).unwrap().unwrap();
        let parts: Vec<_> = set.resolve(size).into_iter().map(|r| (r.start, r.end)).collect();
        assert_eq!(parts, expected, "{text} of {size}");
    };
    check("bytes=500-1499", 2048, &[(500, 1500)]);
    check("bytes=2000-5000", 2048, &[(2000, 2048)]);
    check("bytes=5000-10000", 2048, &[]);
    check("bytes=-500", 2048, &[(1548, 2048)]);
    check("bytes=-5000", 2048, &[(0, 2048)]);
    check("bytes=-0", 2048, &[]);
    check("bytes=0-", 0, &[]);
    check("bytes=-1", 0, &[]);
    check("bytes=100-199,0-9", 2048, &[(100, 200), (0, 10)]);
    check("bytes=5000-,0-9", 2048, &[(0, 10)]);
    // Overlapping and adjoining ones become one, at the place of the first.
    check("bytes=100-199,0-9,150-249", 2048, &[(100, 250), (0, 10)]);
    check("bytes=0-9,10-19", 2048, &[(0, 20)]);
    check("bytes=0-9,20-29,10-19", 2048, &[(0, 30)]);
    check("bytes=0-,0-,0-", 2048, &[(0, 2048)]);
    check("bytes=0-18446744073709551615", u64::MAX, &[(0, u64::MAX)]);
}

#[test]
fn chunk_ranges_are_read_as_clients_write_them() {
    let check = |text: &str, first: u64, last: u64| {
        assert_eq!(ChunkRange::parse(text), Ok(ChunkRange { first, last }), "{text}");
    };
    check("0-99", 0, 99);
    check("100-100", 100, 100);
    check(" 0-99 ", 0, 99);
    check("bytes 0-99", 0, 99);
    check("bytes=0-99", 0, 99);
    check("bytes 0-99/100", 0, 99);
    check("0-99/*", 0, 99);
    assert_eq!(ChunkRange::parse("100-299").unwrap().len(), 200);
    assert_eq!(ChunkRange::parse("100-299").unwrap().to_string(), "100-299");
}

#[test]
fn broken_chunk_ranges_are_errors() {
    for text in [
        "",
        "-",
        "0",
        "0-",
        "-1",
        "a-b",
        "0-99/",
        "0-99/99",
        "0-99/x",
        "bytes */100",
        "+0-1",
        "0 - 1",
        "0-18446744073709551615",
        "0-18446744073709551616",
    ] {
        assert!(matches!(ChunkRange::parse(text), Err(RangeError::Malformed(_))), "{text}");
    }
    assert_eq!(ChunkRange::parse("9-1"), Err(RangeError::Reversed { first: 9, last: 1 }));
}

fn byte_range() -> impl Strategy<Value = ByteRange> {
    prop_oneof![
        any::<u64>().prop_map(ByteRange::From),
        any::<u64>().prop_map(ByteRange::Suffix),
        (any::<u64>(), any::<u64>()).prop_map(|(a, b)| ByteRange::Between(a.min(b), a.max(b))),
        (0..64u64, 0..64u64).prop_map(|(a, b)| ByteRange::Between(a.min(b), a.max(b))),
        (0..64u64).prop_map(ByteRange::Suffix),
    ]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,64}|bytes=[0-9, -]{0,64}") {
        let _ = RangeSet::parse(&text);
        let _ = ChunkRange::parse(&text);
    }

    #[test]
    fn what_is_written_is_read_back(ranges in prop::collection::vec(byte_range(), 1..=RangeSet::MOST)) {
        let set = RangeSet(ranges);
        prop_assert_eq!(RangeSet::parse(&set.to_string()), Ok(Some(set)));
    }

    #[test]
    fn parts_hold_exactly_the_bytes_asked_for_each_once(
        ranges in prop::collection::vec(byte_range(), 1..=RangeSet::MOST),
        size in 0..80u64,
    ) {
        let set = RangeSet(ranges);
        let parts = set.resolve(size);
        for byte in 0..size {
            let asked = set.iter().filter_map(|range| range.resolve(size)).any(|r| r.contains(&byte));
            let sent = parts.iter().filter(|part| part.contains(&byte)).count();
            prop_assert_eq!(sent, usize::from(asked));
        }
        prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
    }

    #[test]
    fn chunk_ranges_round_trip(first in any::<u64>(), len in 1..u64::MAX) {
        let Some(last) = first.checked_add(len - 1).filter(|last| *last < u64::MAX) else {
            return Ok(());
        };
        let range = ChunkRange::parse(&format!("{first}-{last}")).unwrap();
        prop_assert_eq!((range.first(), range.last(), range.len()), (first, last, len));
    }
}
