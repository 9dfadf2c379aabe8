//! The objects that an upload consists of, before it is published.

use std::sync::Arc;

use wharf_driver::StoragePath;

/// No store with multipart uploads takes more parts.
pub(crate) const MOST: u64 = 10_000;
/// Nor a smaller part that is not the last one.
const LEAST: u64 = 5 << 20;
/// How large the first pieces are.
const FIRST: u64 = 8 << 20;
/// How many pieces have a size before it doubles; the largest are [`FIRST`] times 64.
const SAME: u64 = 1000;
const DOUBLINGS: u64 = 6;

/// A random name that a writer gives its objects, so that no two ever write the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nonce(Arc<str>);

/// Pieces in the order of their bytes, as few words as they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces(Vec<Run>);

/// Pieces of one writer and of one size, numbered consecutively.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) writer: Nonce,
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// In bytes, of each of them.
    pub(crate) size: u64,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) writer: Nonce,
    pub(crate) number: u64,
    pub(crate) size: u64,
}

/// How large the piece after so many others is. They grow, so that [`MOST`] of them hold more than a
/// terabyte, and small uploads need little memory; none takes more than `most` bytes.
pub(crate) fn full(before: u64, most: u64) -> u64 {
    (FIRST << (before / SAME).min(DOUBLINGS)).min(most.max(LEAST))
}

/// How many bytes are enough for a piece after so many others that is not the last one, as when the
/// client sends its chunks in requests of their own. This grows, too: such chunks are not to use up
/// the numbers. A shorter one is taken back into memory by whoever goes on.
pub(crate) fn enough(before: u64) -> u64 {
    LEAST << (before * 4 / MOST).min(3)
}

// === impl Nonce ===

impl Nonce {
    pub(crate) fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string().into())
    }

    /// Reads a nonce that was written into a record.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        well_formed.then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Pieces ===

impl Pieces {
    pub(crate) fn from_runs(runs: Vec<Run>) -> Self {
        Self(runs)
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.0
    }

    pub(crate) fn push(&mut self, part: Part) {
        match self.0.last_mut() {
            Some(run) if run.goes_on_with(&part) => run.count += 1,
            _ => {
                let Part { writer, number, size } = part;
                self.0.push(Run { writer, first: number, count: 1, size });
            }
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Part> {
        let last = self.0.last_mut()?;
        last.count -= 1;
        let part = last.part(last.count);
        if last.count == 0 {
            self.0.pop();
        }
        Some(part)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Part> + '_ {
        self.0.iter().flat_map(|run| (0..run.count).map(|at| run.part(at)))
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|run| run.count).sum()
    }

    /// The bytes of all of them.
    pub(crate) fn size(&self) -> u64 {
        self.0.iter().map(|run| run.count * run.size).sum()
    }
}

// === impl Run ===

impl Run {
    fn goes_on_with(&self, part: &Part) -> bool {
        self.writer == part.writer
            && self.first + self.count == part.number
            && self.size == part.size
    }

    fn part(&self, at: u64) -> Part {
        Part { writer: self.writer.clone(), number: self.first + at, size: self.size }
    }
}

// === impl Part ===

impl Part {
    /// Where it lies.
    pub(crate) fn path(&self, session: &StoragePath) -> StoragePath {
        let name = format!("data/{}.{}", self.writer.as_str(), self.number);
        session.join(&name).expect("path components")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_pieces_hold_any_image() {
        let total = |size: fn(u64) -> u64| (0..MOST).map(size).sum::<u64>();
        assert!(total(|before| full(before, u64::MAX)) > 1 << 40);
        // With memory for pieces of 64 MiB only, and with a client that sends chunks.
        assert!(total(|before| full(before, 64 << 20)) > 400 << 30);
        assert!(total(enough) > 150 << 30);
        let until_50 = (0..).scan(0, |sum, before| {
            *sum += full(before, 64 << 20);
            (*sum < 50 << 30).then_some(())
        });
        assert!(until_50.count() < 3000);
    }

    #[test]
    fn pieces_of_one_size_are_one_run() {
        let (one, other) = (Nonce::random(), Nonce::random());
        let part = |writer: &Nonce, number, size| Part { writer: writer.clone(), number, size };
        let parts = [
            part(&one, 0, 8),
            part(&one, 1, 8),
            part(&one, 2, 8),
            part(&one, 3, 5),
            part(&other, 4, 5),
            part(&one, 5, 5),
        ];
        let mut pieces = Pieces::default();
        parts.iter().for_each(|part| pieces.push(part.clone()));
        assert_eq!((pieces.runs().len(), pieces.count(), pieces.size()), (4, 6, 39));
        assert_eq!(pieces.iter().collect::<Vec<_>>(), parts);
        for part in parts.iter().rev() {
            assert_eq!(pieces.pop().as_ref(), Some(part));
        }
        assert_eq!((pieces.pop(), pieces.size()), (None, 0));
    }
}
