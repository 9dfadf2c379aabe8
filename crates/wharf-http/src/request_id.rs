//! The names of requests, as they stand in logs and events.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

/// Gives each request a name that no other has, in this process or another one. It says nothing and
/// can be guessed, so that it costs no random numbers.
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

// === impl RequestIds ===

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { process: Uuid::new_v4().as_u64_pair().0, next: AtomicU64::new(0) }
    }

    /// The next one: 32 hexadecimal digits.
    pub(crate) fn next(&self) -> Arc<str> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut digits = [0; 32];
        write_digits(&mut digits[..16], self.process);
        write_digits(&mut digits[16..], number);
        str::from_utf8(&digits).expect("digits are text").into()
    }
}

/// Writes a number in hexadecimal, with zeros in front.
fn write_digits(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let (ids, others) = (RequestIds::new(), RequestIds::new());
        let names = [ids.next(), ids.next(), others.next(), others.next()];
        assert!(names.iter().all(|name| name.len() == 32));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        let number = |name: &str| u128::from_str_radix(name, 16).unwrap();
        assert_eq!(number(&names[1]), number(&names[0]) + 1);
    }
}
