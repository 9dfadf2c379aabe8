//! Durations as Go writes them.

use std::time::Duration;

/// The units, longest name first where one begins like another.
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads `1h30m`, `1.5h`, `300ms`, or a bare number of nanoseconds. `None` if it is none of these,
/// negative, or longer than Go can say (292 years).
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return nanoseconds(text.parse().ok()?);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (amount, after) = term(rest)?;
        total = total.checked_add(amount)?;
        rest = after;
    }
    if text.is_empty() { None } else { nanoseconds(total) }
}

/// One number with its unit, in nanoseconds, and what comes after it.
fn term(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let unit = UNITS.iter().find(|(unit, _)| *unit == name)?.1;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    Some((whole.checked_mul(unit)?.checked_add(part(fraction, unit))?, rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The decimals of a number, in its unit; what is finer than a nanosecond is dropped.
fn part(decimals: &str, unit: u64) -> u64 {
    let decimals = &decimals[..decimals.len().min(18)];
    let scale = 10u128.pow(u32::try_from(decimals.len()).unwrap_or(0));
    let value = decimals.parse::<u128>().unwrap_or(0) * u128::from(unit) / scale;
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn nanoseconds(amount: u64) -> Option<Duration> {
    (amount <= i64::MAX as u64).then(|| Duration::from_nanos(amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1000", Some(1_000)),
            ("10ns", Some(10)),
            ("2us", Some(2_000)),
            ("2µs", Some(2_000)),
            ("1.5ms", Some(1_500_000)),
            ("168h", Some(604_800_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("0.3h", Some(1_080_000_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("+1m0.001s", Some(60_001_000_000)),
            ("0.0000000001s", Some(0)),
            ("9223372036854775807", Some(i64::MAX as u64)),
            ("9223372036854775808", None),
            ("3000000h", None),
            ("99999999999999999999999h", None),
            ("", None),
            ("+", None),
            ("s", None),
            (".s", None),
            ("5", Some(5)),
            ("5.0", None),
            ("-5s", None),
            ("5 s", None),
            ("5d", None),
            ("1h30", None),
            ("soon", None),
        ] {
            assert_eq!(parse(text), expected.map(Duration::from_nanos), "{text:?}");
        }
    }
}
