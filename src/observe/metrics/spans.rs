//! The counters of spans. They are in the scrape once spans are sent.

use prometheus::{IntCounter, IntCounterVec};

/// What became of spans.
#[derive(Clone, Debug)]
pub struct SpanCounters {
    exported: IntCounter,
    failed: IntCounter,
    queue_full: IntCounter,
}

impl SpanCounters {
    pub(super) fn of(spans: &IntCounterVec) -> Self {
        let [exported, failed, queue_full] =
            ["exported", "failed", "queue-full"].map(|result| spans.with_label_values(&[result]));
        Self { exported, failed, queue_full }
    }

    /// The collector took so many.
    pub(crate) fn exported(&self, spans: u64) {
        self.exported.inc_by(spans);
    }

    /// So many did not reach the collector, or it did not take them.
    pub(crate) fn failed(&self, spans: u64) {
        self.failed.inc_by(spans);
    }

    /// One found no room in the queue.
    pub(crate) fn queue_full(&self) {
        self.queue_full.inc();
    }

    /// How many were lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.failed.get() + self.queue_full.get()
    }
}
