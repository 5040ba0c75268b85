//! A histogram of times that costs two relaxed atomic additions a record; that of the prometheus crate takes twice as many
//! and a compare-and-swap. A scrape may see a record in its bucket and not yet in the sum.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::buckets::{BOUNDS, BUCKETS, COARSE, bucket_of};

/// The times of one series.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: [AtomicU64; BUCKETS],
    microseconds: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], microseconds: AtomicU64::new(0) }
    }
}

impl Histogram {
    pub(super) fn record(&self, time: Duration) {
        self.record_placed(&Placed::new(time));
    }

    /// Records a time whose bucket is known already.
    pub(super) fn record_placed(&self, time: &Placed) {
        if let Some(count) = self.counts.get(time.bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.microseconds.fetch_add(time.microseconds, Relaxed);
    }

    /// How many times each bucket has.
    pub(super) fn counts(&self) -> [u64; BUCKETS] {
        std::array::from_fn(|bucket| self.counts[bucket].load(Relaxed))
    }

    /// The few buckets that Prometheus gets.
    fn to_proto(&self) -> proto::Histogram {
        let counts = self.counts();
        let mut total = 0;
        let mut buckets = Vec::with_capacity(COARSE.len());
        for (count, bound) in counts.iter().zip(BOUNDS) {
            total += count;
            if COARSE.contains(&bound) {
                let mut bucket = proto::Bucket::default();
                bucket.set_cumulative_count(total);
                bucket.set_upper_bound(f64::from(bound) / 1e6);
                buckets.push(bucket);
            }
        }
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(self.microseconds.load(Relaxed) as f64 / 1e6);
        histogram
    }
}

/// A time and its bucket, for who records it more than once.
pub(super) struct Placed {
    microseconds: u64,
    bucket: usize,
}

impl Placed {
    pub(super) fn new(time: Duration) -> Self {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self { microseconds, bucket: bucket_of(microseconds) }
    }
}

/// All series of one name.
#[derive(Clone, Debug)]
pub(super) struct HistogramVec {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    desc: Desc,
    series: Mutex<BTreeMap<Vec<String>, Arc<Histogram>>>,
}

impl HistogramVec {
    pub(super) fn new(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        let labels = labels.iter().map(ToString::to_string).collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())?;
        Ok(Self { shared: Arc::new(Shared { desc, series: Mutex::default() }) })
    }

    /// The series of these label values, the same one each time.
    pub(super) fn series(&self, values: &[&str]) -> Arc<Histogram> {
        self.shared.series.lock().entry(owned(values)).or_default().clone()
    }

    pub(super) fn remove(&self, values: &[&str]) {
        self.shared.series.lock().remove(&owned(values));
    }
}

impl Collector for HistogramVec {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.shared.desc]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let desc = &self.shared.desc;
        let series = self.shared.series.lock();
        let metrics = series.iter().map(|(values, times)| {
            let mut metric = proto::Metric::default();
            let pairs = desc.variable_labels.iter().zip(values).map(|(name, value)| pair(name, value));
            metric.set_label(pairs.collect());
            metric.set_histogram(times.to_proto());
            metric
        });
        let mut family = proto::MetricFamily::default();
        family.set_name(desc.fq_name.clone());
        family.set_help(desc.help.clone());
        family.set_field_type(proto::MetricType::HISTOGRAM);
        family.set_metric(metrics.collect());
        vec![family]
    }
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_its_bucket_and_in_all_above() {
        let times = Histogram::default();
        for microseconds in [0, 1_000, 1_001, 299_999_999, 300_000_000, 300_000_001] {
            times.record(Duration::from_micros(microseconds));
        }
        let histogram = times.to_proto();
        let counts = histogram.get_bucket().iter().map(proto::Bucket::cumulative_count).collect::<Vec<_>>();
        assert_eq!(counts, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5]);
        assert_eq!(histogram.get_sample_count(), 6);
        assert!((histogram.get_sample_sum() - 900.002_002).abs() < 0.000_01);
        times.record(Duration::MAX);
        assert_eq!(times.to_proto().get_sample_count(), 7);
    }
}
