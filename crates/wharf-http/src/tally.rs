//! Counts what each of very many has, in memory that does not grow with them.
//!
//! Everybody counts in two cells that are found by a hash which nobody outside can know, and has as
//! much as the lower one says. So somebody may count as more than they are, but only if both of their
//! cells are shared with somebody large, of whom there are few at a time. Nothing is locked.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// How much each of very many has.
pub(crate) struct Tally {
    rows: [Box<[AtomicU32]>; 2],
    hasher: RandomState,
    /// `None` if nobody is counted.
    most: Option<u32>,
}

/// Where somebody counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cells([u16; 2]);

const WIDTH: usize = 1 << 11;

// === impl Tally ===

impl Tally {
    /// Nobody may have more than `most`.
    pub(crate) fn new(most: Option<usize>) -> Self {
        let row = || {
            let length = if most.is_some() { WIDTH } else { 0 };
            (0..length).map(|_| AtomicU32::new(0)).collect()
        };
        let most = most.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
        Self { rows: [row(), row()], hasher: RandomState::new(), most }
    }

    /// Counts one more of somebody, `Err` if that is too much. What is returned is to be [left](Self::leave).
    pub(crate) fn enter(&self, who: impl Hash) -> Result<Option<Cells>, ()> {
        let Some(most) = self.most else { return Ok(None) };
        let cells = self.cells(who);
        let counts = self.each(cells).map(|cell| cell.fetch_add(1, Relaxed));
        if counts[0].min(counts[1]) < most {
            return Ok(Some(cells));
        }
        self.leave(cells);
        Err(())
    }

    /// Counts one less.
    pub(crate) fn leave(&self, cells: Cells) {
        for cell in self.each(cells) {
            cell.fetch_sub(1, Relaxed);
        }
    }

    fn cells(&self, who: impl Hash) -> Cells {
        let hash = self.hasher.hash_one(who);
        let cell = |bits: u64| u16::try_from(bits % WIDTH as u64).expect("it is below the width");
        Cells([cell(hash), cell(hash >> 32)])
    }

    fn each(&self, Cells(cells): Cells) -> [&AtomicU32; 2] {
        [&self.rows[0][usize::from(cells[0])], &self.rows[1][usize::from(cells[1])]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_share_of_their_own() {
        let tally = Tally::new(Some(2));
        let held: Vec<_> = (0..2).map(|_| tally.enter("a").unwrap().unwrap()).collect();
        assert_eq!(tally.enter("a"), Err(()));
        assert!(tally.enter("b").is_ok());
        tally.leave(held[0]);
        assert!(tally.enter("a").is_ok());
        assert_eq!(tally.enter("a"), Err(()));
    }

    #[test]
    fn a_refusal_leaves_nothing_behind() {
        let tally = Tally::new(Some(1));
        let held = tally.enter("a").unwrap().unwrap();
        (0..1000).for_each(|_| assert_eq!(tally.enter("a"), Err(())));
        tally.leave(held);
        assert!(tally.rows.iter().flatten().all(|cell| cell.load(Relaxed) == 0));
        assert!(tally.enter("a").is_ok());
    }

    #[test]
    fn a_few_who_have_much_spoil_it_for_hardly_anybody() {
        let tally = Tally::new(Some(100));
        for large in 0..10 {
            (0..100).for_each(|_| assert!(tally.enter(("large", large)).is_ok()));
        }
        let refused = (0..2000).filter(|small| match tally.enter(("small", small)) {
            Ok(cells) => {
                tally.leave(cells.unwrap());
                false
            }
            Err(()) => true,
        });
        assert!(refused.count() < 10);
    }

    #[test]
    fn without_a_limit_nobody_is_counted() {
        let tally = Tally::new(None);
        assert_eq!(tally.enter("a"), Ok(None));
        assert!(tally.rows[0].is_empty());
    }
}
