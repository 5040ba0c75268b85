//! The buckets in which times are counted: twenty a decade from 0.1 ms to 5 minutes, each 10 to 15 % above the one before
//! (the preferred numbers R20 of ISO 3). The few bounds that Prometheus gets are among them.

use std::time::Duration;

/// How many buckets there are. The last one is for times above [`LAST`].
pub(crate) const BUCKETS: usize = BOUNDS.len() + 1;

/// The bucket of a time.
pub(super) fn bucket_of(microseconds: u64) -> usize {
    let mut bucket = usize::from(FIRST[(u64::BITS - microseconds.leading_zeros()) as usize]);
    while bucket < BOUNDS.len() && u64::from(BOUNDS[bucket]) < microseconds {
        bucket += 1;
    }
    bucket
}

/// A time below which `percent` % of the counted times are, `None` where nothing was counted. Within a bucket the times
/// are taken as evenly spread, so the error is less than a bucket's width. Times above five minutes are told as five
/// minutes.
pub(crate) fn percentile(counts: &[u32; BUCKETS], percent: u64) -> Option<Duration> {
    let total: u64 = counts.iter().copied().map(u64::from).sum();
    let rank = (total * percent).div_ceil(100).max(1);
    let mut below = 0;
    for (bucket, &count) in counts.iter().enumerate() {
        let count = u64::from(count);
        if below + count >= rank {
            let upper = u64::from(BOUNDS.get(bucket).copied().unwrap_or(LAST));
            let lower = bucket.checked_sub(1).and_then(|lower| BOUNDS.get(lower)).copied().map_or(0, u64::from);
            return Some(Duration::from_micros(lower + (upper - lower) * (rank - below) / count));
        }
        below += count;
    }
    None
}

/// The upper bounds of the buckets that Prometheus gets, in microseconds: up to the read timeout of the guide, five
/// minutes. Each is one of [`BOUNDS`].
pub(super) const COARSE: [u32; 16] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000, LAST,
];

/// The upper bounds of all buckets but the last, in microseconds.
pub(super) const BOUNDS: [u32; 131] = {
    let mut bounds = [LAST; 131];
    let (mut index, mut unit) = (0, 1);
    while index + 1 < bounds.len() {
        bounds[index] = match STEPS[index % STEPS.len()] * unit {
            // Prometheus gets 30 s and 60 s.
            31_500_000 => 30_000_000,
            63_000_000 => 60_000_000,
            bound => bound,
        };
        index += 1;
        if index % STEPS.len() == 0 {
            unit *= 10;
        }
    }
    bounds
};

/// For each length of a number in bits, the first bucket that such a number can be in. From there it is seven steps at
/// most.
const FIRST: [u8; 65] = {
    let mut first = [0; 65];
    let mut bits = 1;
    while bits < first.len() {
        let (least, mut bucket) = (1 << (bits - 1), 0);
        while bucket < BOUNDS.len() && (BOUNDS[bucket] as u64) < least {
            bucket += 1;
        }
        first[bits] = bucket as u8;
        bits += 1;
    }
    first
};

const STEPS: [u32; 20] =
    [100, 112, 125, 140, 160, 180, 200, 224, 250, 280, 315, 355, 400, 450, 500, 560, 630, 710, 800, 900];

/// The highest bound, in microseconds.
const LAST: u32 = 300_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_and_have_those_of_prometheus() {
        assert!(BOUNDS.is_sorted_by(|low, high| low < high));
        assert!(COARSE.iter().all(|bound| BOUNDS.contains(bound)));
        assert!(BOUNDS.windows(2).all(|pair| f64::from(pair[1]) / f64::from(pair[0]) < 1.2));
    }

    #[test]
    fn a_time_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let near = BOUNDS.iter().flat_map(|&bound| [bound - 1, bound, bound + 1]).map(u64::from);
        let powers = (0..64).flat_map(|bits| [(1_u64 << bits) - 1, 1 << bits]);
        for microseconds in near.chain(powers).chain([0, u64::MAX]) {
            let wanted = BOUNDS.iter().take_while(|bound| u64::from(**bound) < microseconds).count();
            assert_eq!(bucket_of(microseconds), wanted, "{microseconds}");
        }
    }

    #[test]
    fn percentiles_are_near_the_true_ones() {
        let mut counts = [0; BUCKETS];
        for millisecond in 1..=1_000 {
            counts[bucket_of(millisecond * 1_000)] += 1;
        }
        for (percent, wanted) in [(50, 500.0), (95, 950.0), (99, 990.0)] {
            let found = percentile(&counts, percent).unwrap().as_secs_f64() * 1e3;
            assert!((found - wanted).abs() < wanted * 0.02, "p{percent}: {found}");
        }
    }

    #[test]
    fn percentiles_of_few_and_of_none() {
        let mut counts = [0; BUCKETS];
        assert_eq!(percentile(&counts, 50), None);
        counts[bucket_of(0)] += 1;
        assert_eq!(percentile(&counts, 99), Some(Duration::from_micros(100)));
        counts[bucket_of(u64::MAX)] += 9;
        assert_eq!(percentile(&counts, 50), Some(Duration::from_secs(300)));
    }
}
