//! Limits the interim answers (1xx) that a node sends before its answer, by rate and in total. A 102 every twenty
//! seconds may keep a call alive for hours, as RFC 2518 10.1 asks. A fast stream of them costs Weir and the client
//! work, and memory if the client does not read.

use crate::traffic::tick::Tick;

/// Bytes of interim heads that may come at once.
const MOST: u64 = 64 * 1024;
/// Bytes per second after that.
const PER_SECOND: u64 = 2 * 1024;
/// A shorter head counts as this many bytes, so that 64 heads may come at once and then two a second.
const LEAST: u64 = 1024;
/// Bytes in total.
const IN_ALL: u64 = 1024 * 1024;

/// What a node may still send in one attempt.
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
    /// Counts one head of this many bytes; false if it exceeds the limit.
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

    /// How many heads of this size are accepted, one every `apart` milliseconds, out of 100 000.
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
