//! One second or one minute in 24 bytes. Numbers above 2047 are rounded down by less than 1/2048, so that ten minutes
//! and a day of everything stay small.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::metrics::{Counts, percentile};

/// What was counted in one second or minute, packed: the classes, failures, bytes received and sent, the three percentiles in
/// microseconds (zero stands for none), and the requests in flight. Two processes tell it each other as it is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Packed([Small; 12]);

/// What was counted in one second or minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Requests by the class of their answer's status: 1xx (tunnels) to 5xx.
    pub classes: [u64; 5],
    /// Requests that Weir refused or could not finish; of a node, tries that failed there.
    pub failures: u64,
    /// Bytes of request bodies.
    pub received: u64,
    /// Bytes of answer bodies.
    pub sent: u64,
    /// How long requests took. `None` where there was no request.
    pub times: Option<Percentiles>,
    /// The requests that were being worked on at the end.
    pub in_flight: u64,
}

/// Below which times half, 95 and 99 of 100 requests were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of them.
    pub p50: Duration,
    /// 95 of 100.
    pub p95: Duration,
    /// 99 of 100.
    pub p99: Duration,
}

impl Point {
    /// How many requests.
    pub fn requests(&self) -> u64 {
        self.classes.iter().sum()
    }

    pub(super) fn of(counts: &Counts) -> Self {
        let Counts { classes, failures, received, sent, times } = counts;
        let percentiles = || {
            let [p50, p95, p99] = [50, 95, 99].map(|percent| percentile(times, percent));
            Some(Percentiles { p50: p50?, p95: p95?, p99: p99? })
        };
        Self {
            classes: *classes,
            failures: *failures,
            received: *received,
            sent: *sent,
            times: percentiles(),
            in_flight: 0,
        }
    }
}

impl From<Point> for Packed {
    fn from(point: Point) -> Self {
        let Point { classes: [c1, c2, c3, c4, c5], failures, received, sent, times, in_flight } = point;
        let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let [p50, p95, p99] = times.map_or([0; 3], |times| [times.p50, times.p95, times.p99].map(microseconds));
        Self([c1, c2, c3, c4, c5, failures, received, sent, p50, p95, p99, in_flight].map(Small::pack))
    }
}

impl From<Packed> for Point {
    fn from(packed: Packed) -> Self {
        let [c1, c2, c3, c4, c5, failures, received, sent, p50, p95, p99, in_flight] = packed.0.map(Small::value);
        let [p50, p95, p99] = [p50, p95, p99].map(Duration::from_micros);
        let times = (p99 > Duration::ZERO).then_some(Percentiles { p50, p95, p99 });
        Self { classes: [c1, c2, c3, c4, c5], failures, received, sent, times, in_flight }
    }
}

/// A number in two bytes: five bits say how often its eleven bits are doubled. It goes up to 4 397 509 640 192, which is
/// also what stands for larger numbers.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Small(u16);

impl Small {
    const MANTISSA: u32 = 11;
    const MOST: u64 = 4_095 << 30;

    fn pack(value: u64) -> Self {
        let value = value.min(Self::MOST);
        // A number of twelve bits or more has its highest bit by its exponent.
        let shift = (u64::BITS - value.leading_zeros()).saturating_sub(Self::MANTISSA + 1);
        let exponent = if value < 1 << Self::MANTISSA { 0 } else { shift + 1 };
        let mantissa = (value >> shift) & ((1 << Self::MANTISSA) - 1);
        Self(((exponent << Self::MANTISSA) as u16) | mantissa as u16)
    }

    fn value(self) -> u64 {
        let (exponent, mantissa) = (self.0 >> Self::MANTISSA, u64::from(self.0 & ((1 << Self::MANTISSA) - 1)));
        match exponent {
            0 => mantissa,
            _ => (mantissa | 1 << Self::MANTISSA) << (exponent - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_two_bytes() {
        for exact in (0..=4_095).chain([4_096, 1 << 20, Small::MOST]) {
            assert_eq!(Small::pack(exact).value(), exact);
        }
        for value in (0..41).map(|power| 3_u64.pow(power % 26) + u64::from(power)) {
            let found = Small::pack(value).value();
            assert!(found <= value && value - found <= value / 2_048, "{value} became {found}");
        }
        assert_eq!(Small::pack(u64::MAX).value(), Small::MOST);
        assert_eq!(size_of::<Packed>(), 24);
    }

    #[test]
    fn a_point_without_requests_has_no_times() {
        let point = Point { in_flight: 3, ..Point::default() };
        assert_eq!(Point::from(Packed::from(point)), point);
        let mut counts = Counts::default();
        counts.classes[1] = 1;
        counts.times[0] = 1;
        let busy = Point::of(&counts);
        assert_eq!(busy.times.unwrap().p99, Duration::from_micros(100));
        assert_eq!(Point::from(Packed::from(busy)), busy);
    }
}
