use std::fs;

use proptest::prelude::*;

use super::*;

/// Less than any three records have.
const SEGMENT: u64 = 100;

fn open(folder: &Path) -> Log {
    Log::open(folder, SEGMENT, 0).unwrap()
}

/// Everything that can be read from a number on.
fn read(log: &Log, from: u64) -> Vec<(u64, Vec<u8>)> {
    let (mut reader, mut from, mut found) = (log.reader(), from, Vec::new());
    loop {
        match reader.next(from).unwrap() {
            Found::Record(number, payload) => {
                assert!(number >= from);
                from = number + 1;
                found.push((number, payload));
            }
            Found::Damaged(until) => from = until,
            Found::End => return found,
        }
    }
}

fn payload(number: u64) -> Vec<u8> {
    let length = (number * 37 % 90) as usize;
    let mut payload = format!("record {number} ").into_bytes();
    payload.resize(payload.len() + length, b'.');
    payload
}

fn payloads(numbers: std::ops::Range<u64>) -> Vec<(u64, Vec<u8>)> {
    numbers.map(|number| (number, payload(number))).collect()
}

fn append(log: &mut Log, count: u64) {
    let next = log.index().next();
    let records: Vec<_> = (next..next + count).map(payload).collect();
    log.append(&records).unwrap();
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn last_file(folder: &Path) -> PathBuf {
    folder.join(file_name(*firsts(folder).unwrap().last().unwrap()))
}

#[test]
fn what_was_written_is_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    assert_eq!(read(&log, 0), []);
    for count in [1, 3, 0, 10] {
        append(&mut log, count);
    }
    log.sync().unwrap();
    assert_eq!(read(&log, 0), payloads(0..14));
    assert_eq!(read(&log, 9), payloads(9..14));
    assert!(firsts(folder.path()).unwrap().len() > 1, "there are several segments");
    drop(log);
    assert_eq!(read(&open(folder.path()), 0), payloads(0..14));
}

#[test]
fn what_could_not_be_cut_does_not_hide_what_came_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(folder.path(), 10_000, 0).unwrap();
    append(&mut log, 2);
    let path = last_file(folder.path());
    // A write that failed after all its bytes had gone, and a cut that failed as well.
    let mut refused = Vec::new();
    record::write(2, b"refused", &mut refused);
    record::write(3, b"refused, too", &mut refused);
    OpenOptions::new().append(true).open(path).unwrap().write_all(&refused).unwrap();
    log.tail = None;
    append(&mut log, 1);
    assert_eq!(read(&log, 0), payloads(0..3));
    drop(log);
    assert_eq!(read(&Log::open(folder.path(), 10_000, 0).unwrap(), 0), payloads(0..3));
}

#[test]
fn a_reader_goes_on_where_the_writer_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let mut reader = log.reader();
    for number in 0..50 {
        assert_eq!(reader.next(number).unwrap(), Found::End);
        append(&mut log, 1);
        assert_eq!(reader.next(number).unwrap(), Found::Record(number, payload(number)));
    }
    assert_eq!(reader.next(3).unwrap(), Found::Record(3, payload(3)), "back again");
}

#[test]
fn a_crash_at_any_byte_keeps_every_whole_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    append(&mut log, 9);
    append(&mut log, 4);
    drop(log);
    let whole = fs::read(last_file(folder.path())).unwrap();
    let earlier = *firsts(folder.path()).unwrap().last().unwrap();
    let mut ends = vec![0];
    for number in earlier..13 {
        ends.push(ends.last().unwrap() + record::HEADER + payload(number).len());
    }
    assert_eq!(*ends.last().unwrap(), whole.len());
    for cut in 0..=whole.len() {
        let crashed = tempfile::tempdir().unwrap();
        copy(folder.path(), crashed.path());
        fs::write(last_file(crashed.path()), &whole[..cut]).unwrap();
        let kept = earlier + ends.iter().filter(|end| **end <= cut).count() as u64 - 1;
        let mut log = open(crashed.path());
        assert_eq!(read(&log, 0), payloads(0..kept), "cut at {cut}");
        append(&mut log, 5);
        assert_eq!(read(&log, 0), payloads(0..kept + 5), "cut at {cut}");
        drop(log);
        assert_eq!(read(&open(crashed.path()), 0), payloads(0..kept + 5), "cut at {cut}");
    }
}

#[test]
fn damage_hides_the_rest_of_its_segment_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    append(&mut log, 3);
    append(&mut log, 3);
    append(&mut log, 3);
    let segments = firsts(folder.path()).unwrap();
    assert_eq!(segments, [0, 3, 6]);
    let damaged = folder.path().join(file_name(3));
    let mut bytes = fs::read(&damaged).unwrap();
    let second = record::HEADER + payload(3).len();
    bytes[second + record::HEADER] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let expected: Vec<_> = payloads(0..4).into_iter().chain(payloads(6..9)).collect();
    assert_eq!(read(&log, 0), expected);
    drop(log);
    assert_eq!(read(&open(folder.path()), 0), expected);
}

#[test]
fn a_segment_that_vanishes_under_a_reader_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for _ in 0..4 {
        append(&mut log, 3);
    }
    let mut reader = log.reader();
    assert_eq!(reader.next(0).unwrap(), Found::Record(0, payload(0)));
    assert_eq!(log.remove_oldest().unwrap().unwrap().end, 3);
    assert_eq!(reader.next(1).unwrap(), Found::Record(3, payload(3)));
    fs::remove_file(folder.path().join(file_name(6))).unwrap();
    assert_eq!(reader.next(6).unwrap(), Found::Damaged(9), "somebody else removed it");
    assert_eq!(reader.next(9).unwrap(), Found::Record(9, payload(9)));
}

#[test]
fn numbers_go_on_when_everything_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for _ in 0..4 {
        append(&mut log, 3);
    }
    while log.remove_oldest().unwrap().is_some() {}
    assert_eq!((log.index().next(), log.index().bytes()), (12, 0));
    append(&mut log, 1);
    assert_eq!(read(&log, 0), payloads(12..13));
    drop(log);
    // Whoever has read up to 20 once must not miss what comes next.
    let mut log = Log::open(folder.path(), SEGMENT, 20).unwrap();
    append(&mut log, 2);
    let expected: Vec<_> = payloads(12..13).into_iter().chain(payloads(20..22)).collect();
    assert_eq!(read(&log, 0), expected);
    drop(log);
    assert_eq!(read(&open(folder.path()), 0), expected);
}

#[test]
fn foreign_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.log", "x.log", "lock", "00000000000000000001.lo"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let mut log = open(folder.path());
    append(&mut log, 1);
    assert_eq!(read(&log, 0), payloads(0..1));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    /// The process ends and so many bytes of the last file with it.
    Crash(usize),
    /// Readers have come so far, in percent.
    Remove(u64),
    RemoveOldest,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u64).prop_map(Step::Append),
        2 => (0..300_usize).prop_map(Step::Crash),
        1 => (0..=100_u64).prop_map(Step::Remove),
        1 => Just(Step::RemoveOldest),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens: records are read in order, without a gap but those of lost tails and removed
    /// segments, each as it was written, and no number is given twice to what is still there.
    #[test]
    fn the_log_is_a_list(steps in proptest::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        let mut model: Vec<u64> = Vec::new();
        for step in steps {
            match step {
                Step::Append(count) => {
                    let next = log.index().next();
                    append(&mut log, count);
                    model.extend(next..next + count);
                }
                Step::Crash(lost) => {
                    drop(log);
                    if let Some(first) = firsts(folder.path()).unwrap().last() {
                        let path = folder.path().join(file_name(*first));
                        let bytes = fs::read(&path).unwrap();
                        let kept = &bytes[..bytes.len().saturating_sub(lost)];
                        let end = scan(*first, u64::MAX, kept).map_or(*first, |segment| segment.end);
                        fs::write(&path, kept).unwrap();
                        model.retain(|number| *number < end);
                    }
                    log = open(folder.path());
                }
                Step::Remove(percent) => {
                    let until = log.index().next() * percent / 100;
                    log.remove_before(until).unwrap();
                    let oldest = log.index().oldest().map_or(u64::MAX, |(segment, _)| segment.first);
                    prop_assert!(model.iter().all(|number| *number >= oldest || *number < until));
                    model.retain(|number| *number >= oldest);
                }
                Step::RemoveOldest => {
                    if let Some(removed) = log.remove_oldest().unwrap() {
                        model.retain(|number| *number >= removed.end);
                    }
                }
            }
            let expected: Vec<_> = model.iter().map(|number| (*number, payload(*number))).collect();
            prop_assert_eq!(read(&log, 0), expected);
        }
    }
}
