//! What a record of a session says.

use std::fmt::Write;

use bytes::Bytes;
use wharf_driver::Checkpoint;

use crate::pieces::{MOST, Nonce, Pieces, Run};

/// One link of the chain that is a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Everything that the session holds.
    pub(crate) pieces: Pieces,
    /// What the caller saved with it.
    pub(crate) state: Bytes,
}

/// The form of a record: this line, a line for each run of pieces, a line that says how long the state
/// is, and the state.
const FORM: &str = "wharf upload 1";

// === impl Record ===

impl Record {
    /// Where a caller can take the session up.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { length: self.pieces.size(), state: self.state.clone() }
    }

    /// The record as bytes, signed by its writer so that it can be told from any other.
    pub(crate) fn encode(&self, writer: &Nonce) -> Bytes {
        let mut text = format!("{FORM} {}\n", writer.as_str());
        for Run { writer, first, count, size } in self.pieces.runs() {
            let _ = writeln!(text, "run {} {first} {count} {size}", writer.as_str());
        }
        let _ = writeln!(text, "state {}", self.state.len());
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.state);
        bytes.into()
    }

    /// Reads a record; `None` if it is none.
    pub(crate) fn decode(bytes: &Bytes) -> Option<Self> {
        let mut rest = bytes.clone();
        line(&mut rest)?.strip_prefix(FORM)?.strip_prefix(' ').and_then(Nonce::parse)?;
        let mut runs = Vec::new();
        loop {
            let line = line(&mut rest)?;
            if let Some(length) = line.strip_prefix("state ") {
                let whole = length.parse() == Ok(rest.len());
                return whole.then(|| Self { pieces: Pieces::from_runs(runs), state: rest });
            }
            runs.push(run(&line)?);
            if runs.len() as u64 > MOST {
                return None;
            }
        }
    }
}

/// Takes a line off the front.
fn line(rest: &mut Bytes) -> Option<String> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = rest.split_to(end + 1);
    String::from_utf8(line[..end].to_vec()).ok()
}

fn run(line: &str) -> Option<Run> {
    let mut words = line.split(' ');
    let number = |words: &mut std::str::Split<'_, char>| words.next()?.parse::<u64>().ok();
    (words.next()? == "run").then_some(())?;
    let writer = Nonce::parse(words.next()?)?;
    let (first, count, size) = (number(&mut words)?, number(&mut words)?, number(&mut words)?);
    // No sum of any of them overflows.
    let sane = (1..=MOST).contains(&count) && size < 1 << 33 && first < 1 << 40;
    (sane && words.next().is_none()).then_some(Run { writer, first, count, size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pieces::Part;

    fn record() -> Record {
        let writer = Nonce::random();
        let mut pieces = Pieces::default();
        for (number, size) in [8 << 20, 8 << 20, 5].into_iter().enumerate() {
            pieces.push(Part { writer: writer.clone(), number: number as u64, size });
        }
        Record { pieces, state: Bytes::from_static(b"any\n\xff bytes\n") }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for record in [record(), Record::default(), Record { state: Bytes::new(), ..record() }] {
            assert_eq!(Record::decode(&record.encode(&Nonce::random())), Some(record));
        }
    }

    #[test]
    fn a_damaged_record_is_none() {
        let whole = record().encode(&Nonce::random());
        for cut in 0..whole.len() {
            assert_eq!(Record::decode(&whole.slice(..cut)), None, "cut to {cut} bytes");
        }
        let text = "wharf upload 1 00000000000000000000000000000000\n";
        for rest in ["run x 0 1 1", "run 00000000000000000000000000000000 0 0 1", "state x", ""] {
            let damaged = format!("{text}{rest}\nstate 0\n").into();
            assert_eq!(Record::decode(&damaged), None, "{rest:?}");
        }
    }
}
