//! Replays the stored corpus, and mutations of it that are the same on every run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use wharf_fuzz::{TARGETS, Target};

/// How many mutations each target gets.
const MUTATIONS: u64 = 1500;

/// The longest mutation; a corpus entry may be longer.
const LONGEST: usize = 4096;

/// Far longer than any target takes, and shorter than anybody's patience.
const LIMIT: Duration = Duration::from_secs(240);

/// Bytes that mean something to one of the parsers.
const TELLING: &[u8] = b"\0\n\r\t \"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~09afzAFZ\x7f\x80\xff";

/// A generator of numbers (xorshift), the same on every run.
struct Numbers(u64);

/// Says which input it was, if its check panics.
struct Witness<'a> {
    target: &'static str,
    input: &'a [u8],
}

/// Reports the end of a replay, however it ends.
struct Done(mpsc::Sender<()>);

#[test]
fn no_input_of_the_corpus_and_no_mutation_of_it_breaks_a_promise() {
    let (done, finished) = mpsc::channel();
    let replays = TARGETS.iter().map(|target| {
        let done = done.clone();
        thread::spawn(move || {
            let _done = Done(done);
            replay(target);
        })
    });
    let replays: Vec<_> = replays.collect();
    drop(done);
    for _ in TARGETS {
        finished.recv_timeout(LIMIT).expect("a target takes too long");
    }
    let failed = replays.into_iter().filter_map(|replay| replay.join().err()).count();
    assert_eq!(failed, 0, "targets failed, see above");
}

#[test]
fn every_target_has_a_corpus_and_a_fuzzer() {
    let stem = |path: &PathBuf| path.file_stem().map(|name| name.to_string_lossy().into_owned());
    let names = |folder| files(folder).iter().filter_map(stem).collect::<Vec<_>>();
    let targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(corpus(name).len() >= 3, "{name}");
    }
}

fn replay(target: &Target) {
    let seeds = corpus(target.name);
    seeds.iter().for_each(|seed| check(target, seed));
    check(target, b"");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MUTATIONS {
        let input = mutation(&seeds, &mut numbers);
        check(target, &input);
    }
}

fn check(target: &Target, input: &[u8]) {
    let _witness = Witness { target: target.name, input };
    (target.check)(input);
}

/// One of the seeds, changed in one to four places.
fn mutation(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut input = numbers.pick(seeds).clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len() + 1);
        let end = (at + numbers.below(12)).min(input.len());
        match numbers.below(6) {
            0 if at < input.len() => input[at] ^= 1 << numbers.below(8),
            1 => drop(input.splice(at..at, [*numbers.pick(TELLING)])),
            2 => drop(input.drain(at..end)),
            3 => {
                let part = input[at..end].repeat(1 + numbers.below(40));
                drop(input.splice(at..at, part));
            }
            4 => {
                let other = numbers.pick(seeds);
                let from = numbers.below(other.len() + 1);
                drop(input.splice(at..end, other[from..].iter().copied()));
            }
            _ if at < input.len() => input[at] = *numbers.pick(TELLING),
            _ => input.truncate(at),
        }
    }
    input.truncate(LONGEST);
    input
}

/// The corpus of a target, in the order of the names of its files.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let files = files(&format!("corpus/{name}"));
    files.iter().map(|path| fs::read(path).expect("a file of the corpus can be read")).collect()
}

/// What lies in a folder below `fuzz`, sorted.
fn files(below: &str) -> Vec<PathBuf> {
    let folder = fuzz(below);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> =
        entries.map(|entry| entry.expect("a folder of ours can be read").path()).collect();
    files.sort();
    files
}

fn fuzz(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(below)
}

// === impl Numbers ===

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

// === impl Witness ===

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} fails on b\"{}\"", self.target, self.input.escape_ascii());
        }
    }
}

// === impl Done ===

impl Drop for Done {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}
