//! Which traces are kept.

use crate::TraceId;

/// Decides which traces are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Whether the decision of whoever sent a request counts.
    pub by_parent: bool,
    /// The part of the others that is kept, from 0 to 1.
    pub ratio: f64,
}

// === impl Sampler ===

impl Sampler {
    /// Reads `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    pub(crate) fn parse(name: &str, argument: Option<&str>) -> Option<Self> {
        let (by_parent, rest) = match name.strip_prefix("parentbased_") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        let ratio = match rest {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => argument.map_or(Some(1.0), |ratio| ratio.parse().ok())?,
            _ => return None,
        };
        (0.0..=1.0).contains(&ratio).then_some(Self { by_parent, ratio })
    }

    /// Whether this trace is kept, of which its parent, if there is one, says whether it keeps it.
    pub fn keeps(&self, trace: &TraceId, parent: Option<bool>) -> bool {
        match parent {
            Some(sampled) if self.by_parent => sampled,
            _ => part(trace) < self.ratio || self.ratio >= 1.0,
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self { by_parent: true, ratio: 1.0 }
    }
}

/// Where a trace lies between 0 and 1, however its name was made: the same for every server.
fn part(trace: &TraceId) -> f64 {
    let (high, low) = trace.split_at(8);
    let word = |half: &[u8]| half.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    // The mixer of SplitMix64: a counter in the name would otherwise keep runs of traces.
    let mut mixed = word(high) ^ word(low).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_opentelemetry() {
        let check = |name, argument, expected: Option<(bool, f64)>| {
            let sampler = Sampler::parse(name, argument);
            assert_eq!(sampler.map(|it| (it.by_parent, it.ratio)), expected, "{name}");
        };
        check("always_on", None, Some((false, 1.0)));
        check("always_off", None, Some((false, 0.0)));
        check("parentbased_always_on", None, Some((true, 1.0)));
        check("parentbased_traceidratio", Some("0.25"), Some((true, 0.25)));
        check("traceidratio", Some("2"), None);
        check("traceidratio", Some("NaN"), None);
        check("jaeger_remote", None, None);
    }

    #[test]
    fn a_part_is_kept_however_traces_are_named() {
        let sampler = Sampler { by_parent: true, ratio: 0.25 };
        let kept = (0..10_000_u64).filter(|number| {
            let mut trace = [7; 16];
            trace[8..].copy_from_slice(&number.to_be_bytes());
            sampler.keeps(&trace, None)
        });
        let kept = kept.count();
        assert!((2_200..2_800).contains(&kept), "{kept}");
        assert!(sampler.keeps(&[9; 16], Some(true)) && !sampler.keeps(&[9; 16], Some(false)));
        let off = Sampler { by_parent: false, ratio: 0.0 };
        assert!(!off.keeps(&[9; 16], Some(true)));
    }
}
