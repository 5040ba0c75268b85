//! What is counted of requests for the numbers of the last minute, the last ten minutes and the last day. A request
//! counts with a few relaxed atomic additions. Once a second the control thread reads what came since it last read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::buckets::BUCKETS;
use super::histogram::{Histogram, Placed};

/// A request that is over, as its counters see it.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// The answer's status; 499 if the client left before there was one.
    pub code: u16,
    /// From the end of the head to the last byte of the answer.
    pub time_taken: Duration,
    /// From the choice of the first node to the end of what the last one sent; none where no node was chosen.
    pub upstream_time: Option<Duration>,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the answer's body.
    pub sent: u64,
}

impl Finished {
    /// A time of this request, ready to be recorded. A tunnel has none: it lasts as long as its two ends like.
    pub(super) fn placed(&self, time: Duration) -> Option<Placed> {
        (self.code != 101).then(|| Placed::new(time))
    }
}

/// What is counted of the requests of one route, or of one node in a pool.
#[derive(Debug)]
pub struct Tally {
    since: SystemTime,
    classes: [AtomicU64; 5],
    failures: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    times: Arc<Histogram>,
    /// What was read last.
    last: Mutex<Counts>,
}

/// How much was counted in some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Requests by the class of their answer's status: 1xx (tunnels) to 5xx.
    pub(crate) classes: [u64; 5],
    /// Requests that Weir refused or could not finish; of a node, tries that failed there.
    pub(crate) failures: u64,
    /// Bytes of request bodies.
    pub(crate) received: u64,
    /// Bytes of answer bodies.
    pub(crate) sent: u64,
    /// Requests by the time that they took.
    pub(crate) times: [u32; BUCKETS],
}

impl Tally {
    /// Its times are also a histogram for Prometheus.
    pub(super) fn with_times(times: Arc<Histogram>) -> Self {
        Self {
            since: SystemTime::now(),
            classes: Default::default(),
            failures: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            times,
            last: Mutex::default(),
        }
    }

    /// Since when it counts.
    pub(crate) fn since(&self) -> SystemTime {
        self.since
    }

    /// A request is over, and took so long; a tunnel has no time.
    pub(super) fn record(&self, finished: &Finished, took: Option<&Placed>) {
        let class = usize::from(finished.code / 100).clamp(1, 5) - 1;
        self.classes[class].fetch_add(1, Relaxed);
        if finished.received > 0 {
            self.received.fetch_add(finished.received, Relaxed);
        }
        if finished.sent > 0 {
            self.sent.fetch_add(finished.sent, Relaxed);
        }
        took.iter().for_each(|took| self.times.record_placed(took));
    }

    /// A request was refused or could not be finished; of a node, a try failed there.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// What was counted since the last call; `None` where that is nothing.
    pub(crate) fn since_last(&self) -> Option<Counts> {
        let mut last = self.last.lock();
        let now = self.read();
        if now == *last {
            return None;
        }
        let since = now.less(&last);
        *last = now;
        Some(since)
    }

    /// All that was counted. The times wrap around, which [`Counts::less`] undoes.
    pub(crate) fn read(&self) -> Counts {
        let counts = self.times.counts();
        Counts {
            classes: std::array::from_fn(|class| self.classes[class].load(Relaxed)),
            failures: self.failures.load(Relaxed),
            received: self.received.load(Relaxed),
            sent: self.sent.load(Relaxed),
            times: std::array::from_fn(|bucket| counts[bucket] as u32),
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::with_times(Arc::default())
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self { classes: [0; 5], failures: 0, received: 0, sent: 0, times: [0; BUCKETS] }
    }
}

impl Counts {
    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, more: &Self) {
        for (class, more) in self.classes.iter_mut().zip(more.classes) {
            *class += more;
        }
        self.failures += more.failures;
        self.received += more.received;
        self.sent += more.sent;
        for (count, more) in self.times.iter_mut().zip(more.times) {
            *count = count.saturating_add(more);
        }
    }

    /// All of it in one list, for another process.
    pub(crate) fn words(&self) -> Vec<u64> {
        let Self { classes, failures, received, sent, times } = self;
        let times = times.iter().copied().map(u64::from);
        classes.iter().copied().chain([*failures, *received, *sent]).chain(times).collect()
    }

    /// From such a list. What it lacks was not counted.
    pub(crate) fn of_words(words: &[u64]) -> Self {
        let mut words = words.iter().copied();
        let mut next = move || words.next().unwrap_or(0);
        Self {
            classes: std::array::from_fn(|_| next()),
            failures: next(),
            received: next(),
            sent: next(),
            times: std::array::from_fn(|_| u32::try_from(next()).unwrap_or(u32::MAX)),
        }
    }

    fn less(&self, before: &Self) -> Self {
        Self {
            classes: std::array::from_fn(|class| self.classes[class].saturating_sub(before.classes[class])),
            failures: self.failures.saturating_sub(before.failures),
            received: self.received.saturating_sub(before.received),
            sent: self.sent.saturating_sub(before.sent),
            times: std::array::from_fn(|bucket| self.times[bucket].wrapping_sub(before.times[bucket])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reading_has_what_came_since_the_one_before() {
        let tally = Tally::default();
        assert_eq!(tally.since_last(), None);
        let request = |code, received, sent| Finished {
            code,
            time_taken: Duration::from_millis(3),
            upstream_time: None,
            received,
            sent,
        };
        for (code, received, sent) in [(101, 0, 0), (200, 10, 20), (204, 0, 0), (499, 5, 0), (999, 0, 1)] {
            let finished = request(code, received, sent);
            tally.record(&finished, finished.placed(finished.time_taken).as_ref());
        }
        tally.failed();
        let counts = tally.since_last().unwrap();
        let Counts { classes, failures, received, sent, .. } = counts;
        assert_eq!((classes, failures, received, sent), ([1, 2, 0, 1, 1], 1, 15, 21));
        assert_eq!(counts.times.iter().sum::<u32>(), 4, "a tunnel's life is no time that a request took");
        assert_eq!(tally.since_last(), None);
        tally.failed();
        assert_eq!(tally.since_last().unwrap(), Counts { failures: 1, ..Counts::default() });
    }
}
