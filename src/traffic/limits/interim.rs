//! How many interim answers (1xx) a node may send before its answer: any number over time, none without pause. A 102
//! each twenty seconds keeps a call of hours alive (RFC 2518 10.1 wants it so); a stream of them that nobody could mean
//! is work for Weir and the client, and memory where the client does not read.

use crate::traffic::tick::Tick;

/// Bytes of such heads that may come at once.
const MOST: u64 = 64 * 1024;
/// Bytes of them a second after that.
const PER_SECOND: u64 = 2 * 1024;
/// As much counts a head that is shorter, so that 64 of them may come at once and two a second.
const LEAST: u64 = 1024;
/// Bytes of them in all.
const IN_ALL: u64 = 1024 * 1024;

/// What a node may still send of them for one attempt.
#[derive(Debug)]
pub struct Allowance {
    left: u64,
    left_in_all: u64,
    at: Tick,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: MOST, left_in_all: IN_ALL, at: Tick::from_millis(0) }
    }
}

impl Allowance {
    /// One head of so many bytes came; whether that is still good.
    pub fn take(&mut self, bytes: usize, now: Tick) -> bool {
        let bytes = bytes as u64;
        let grown = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX).saturating_mul(PER_SECOND) / 1000;
        let left = self.left.saturating_add(grown).min(MOST).checked_sub(bytes.max(LEAST));
        let (Some(left), Some(left_in_all)) = (left, self.left_in_all.checked_sub(bytes)) else { return false };
        *self = Self { left, left_in_all, at: now };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many bytes are taken, one each `apart` milliseconds, of at most 100 000.
    fn taken(bytes: usize, apart: u64) -> usize {
        let mut allowance = Allowance::default();
        (0..100_000).take_while(|nth| allowance.take(bytes, Tick::from_millis(1_000_000 + nth * apart))).count()
    }

    #[test]
    fn a_slow_row_of_them_may_last_for_hours_and_a_flood_may_not() {
        for (bytes, apart, expected) in [
            (27, 20_000, IN_ALL as usize / 27),
            (27, 500, IN_ALL as usize / 27),
            (27, 0, 64),
            (27, 100, 79),
            (4_000, 0, 16),
            (60_000, 60_000, 17),
            (70_000, 60_000, 0),
        ] {
            assert_eq!(taken(bytes, apart), expected, "{bytes} bytes each {apart} ms");
        }
    }
}
