//! Figures: medians and spreads over the rounds, and how they are written.

use serde::Serialize;

use super::rounds::Round;
use super::works::Unit;

/// What a server came to at a work.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// How many rounds count.
    pub(crate) rounds: usize,
    /// Bytes or turns in a second.
    pub(crate) rate: Spread,
    /// Seconds.
    pub(crate) p50: Spread,
    pub(crate) p99: Spread,
    /// Server CPU-seconds for a GB, or for a turn.
    pub(crate) cpu: Spread,
    /// CPU-seconds of the load generator, for the same.
    pub(crate) generator: Spread,
    /// Share of a core that the load generator took: near one for a thread, it bounds the rate.
    pub(crate) busy: Spread,
    /// Bytes resident: at most, and after the work.
    pub(crate) peak: Spread,
    pub(crate) settled: Spread,
}

/// Which of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    Rate,
    P50,
    P99,
    Cpu,
    Peak,
    Settled,
}

/// The figures of the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

// === impl Figures ===

impl Figures {
    pub(crate) fn of(unit: Unit, rounds: &[Round]) -> Self {
        let spread = |figure: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(figure));
        let count = |round: &Round| match unit {
            Unit::Bytes => round.tally.bytes as f64,
            Unit::Turns => round.tally.turns as f64,
        };
        // CPU time is told for a GB or for a turn.
        let share = |round: &Round| match unit {
            Unit::Bytes => 1e9 / count(round).max(1.0),
            Unit::Turns => 1.0 / count(round).max(1.0),
        };
        Self {
            rounds: rounds.len(),
            rate: spread(&|round| count(round) / round.tally.seconds),
            p50: spread(&|round| round.tally.quantile(0.5)),
            p99: spread(&|round| round.tally.quantile(0.99)),
            cpu: spread(&|round| round.cpu * share(round)),
            generator: spread(&|round| round.tally.generator * share(round)),
            busy: spread(&|round| round.tally.generator / round.tally.seconds),
            peak: spread(&|round| round.peak as f64),
            settled: spread(&|round| round.settled as f64),
        }
    }

    /// The median of one of them; nothing where it was not measured.
    pub(crate) fn get(&self, figure: Figure) -> Option<f64> {
        let spread = match figure {
            Figure::Rate => self.rate,
            Figure::P50 => self.p50,
            Figure::P99 => self.p99,
            Figure::Cpu => self.cpu,
            Figure::Peak => self.peak,
            Figure::Settled => self.settled,
        };
        Some(spread.median).filter(|median| *median > 0.0)
    }
}

// === impl Figure ===

impl Figure {
    pub(crate) fn title(self, unit: Unit) -> &'static str {
        match (self, unit) {
            (Figure::Rate, _) => "rate",
            (Figure::P50, _) => "p50",
            (Figure::P99, _) => "p99",
            (Figure::Cpu, Unit::Bytes) => "CPU per GB",
            (Figure::Cpu, Unit::Turns) => "CPU per turn",
            (Figure::Peak, _) => "peak memory",
            (Figure::Settled, _) => "memory",
        }
    }

    /// A figure with its unit.
    pub(crate) fn show(self, value: f64, unit: Unit) -> String {
        match (self, unit) {
            (Figure::Rate, Unit::Bytes) => format!("{:.0} MB/s", value / 1e6),
            (Figure::Rate, Unit::Turns) if value < 100.0 => format!("{value:.1} /s"),
            (Figure::Rate, Unit::Turns) => format!("{value:.0} /s"),
            (Figure::P50 | Figure::P99, _) => format!("{:.2} ms", value * 1e3),
            (Figure::Cpu, Unit::Bytes) => format!("{value:.3} s/GB"),
            (Figure::Cpu, Unit::Turns) if value < 0.01 => format!("{:.1} us", value * 1e6),
            (Figure::Cpu, Unit::Turns) => format!("{:.1} ms", value * 1e3),
            (Figure::Peak | Figure::Settled, _) => format!("{:.1} MB", value / 1e6),
        }
    }
}

// === impl Spread ===

impl Spread {
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(0.0);
        let last = figures.len().saturating_sub(1);
        Self { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, least: at(0), most: at(last) }
    }

    /// How far the rounds are apart, as a share of their median.
    pub(crate) fn width(self) -> f64 {
        if self.median > 0.0 { (self.most - self.least) / self.median } else { 0.0 }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::load::Tally;
    use super::*;

    /// Figures that are the same in every round.
    pub(crate) fn figures(rate: f64, p50: f64, cpu: f64, memory: f64) -> Figures {
        let of = |figure| Spread::of([figure].into_iter());
        let (rate, p50, p99, cpu, memory) = (of(rate), of(p50), of(p50 * 2.0), of(cpu), of(memory));
        let generator = of(0.0);
        Figures {
            rounds: 1,
            rate,
            p50,
            p99,
            cpu,
            generator,
            busy: generator,
            peak: memory,
            settled: memory,
        }
    }

    #[test]
    fn the_median_of_an_even_number_of_rounds_is_in_between() {
        let of = |figures: &[f64]| Spread::of(figures.iter().copied());
        assert_eq!(of(&[4.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 4.0 });
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(of(&[]).median, 0.0);
        assert_eq!((of(&[4.0, 1.0, 2.0]).width(), of(&[]).width()), (1.5, 0.0));
    }

    #[test]
    fn cpu_time_is_told_for_a_gigabyte_or_for_a_turn() {
        let tally = Tally { turns: 4, bytes: 2_000_000_000, seconds: 2.0, ..Tally::default() };
        let round = Round { tally, cpu: 1.0, peak: 7, settled: 0 };
        let rounds = [round];
        let (bytes, turns) = (Figures::of(Unit::Bytes, &rounds), Figures::of(Unit::Turns, &rounds));
        assert_eq!((bytes.cpu.median, turns.cpu.median), (0.5, 0.25));
        assert_eq!((bytes.rate.median, turns.rate.median), (1e9, 2.0));
        assert_eq!((bytes.get(Figure::Peak), bytes.get(Figure::Settled)), (Some(7.0), None));
    }
}
