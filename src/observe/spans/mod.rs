//! Spans for an OpenTelemetry collector: one for each request whose trace is sampled. A request writes its span into a
//! bounded queue, as it writes its access line, and a thread of its own sends them in batches. Without a collector in
//! the configuration there is no queue, no thread and no metric.

mod batch;
mod exporter;
mod post;
mod settings;
mod span;

use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use self::exporter::Exporter;
pub use self::settings::Settings;
pub use self::span::Span;
use super::access_log::LineFormatter;
use super::metrics::{Metrics, SpanCounters};
use super::queue::LogQueue;

/// The sending end of a queue of spans. When it is dropped, what waits is sent and its thread ends.
#[derive(Debug)]
pub struct SpanQueue {
    lines: LogQueue,
    counters: SpanCounters,
}

impl SpanQueue {
    /// Adds a span; one that finds no room is counted.
    pub fn add(&self, span: &Span<'_>, formatter: &mut LineFormatter) {
        let line = formatter.cleared();
        span.write(line);
        if !self.lines.takes(line) {
            self.counters.queue_full();
        }
    }
}

/// The queues of all collectors that a generation in use names; usually none or one.
#[derive(Debug, Default)]
pub struct Spans {
    exporters: Mutex<Vec<(Weak<SpanQueue>, Arc<Exporter>)>>,
}

impl Spans {
    /// The queue to a collector: the same one for the same settings, as long as somebody holds it.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn open(&self, settings: &Settings, metrics: &Metrics) -> io::Result<Arc<SpanQueue>> {
        let mut exporters = self.exporters.lock();
        exporters.retain(|(_, exporter)| !exporter.has_ended());
        let same = exporters.iter().filter(|(_, exporter)| exporter.settings() == settings);
        if let Some(queue) = same.filter_map(|(queue, _)| queue.upgrade()).next() {
            return Ok(queue);
        }
        let counters = metrics.spans();
        let (exporter, lines) = Exporter::start(settings.clone(), counters.clone())?;
        let queue = Arc::new(SpanQueue { lines, counters });
        exporters.push((Arc::downgrade(&queue), exporter));
        Ok(queue)
    }

    /// Waits until what waits now is sent or given up, and no longer than `within`. What fails is not tried again.
    pub fn flush(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let exporters: Vec<_> = self.exporters.lock().iter().map(|(_, exporter)| Arc::clone(exporter)).collect();
        for exporter in exporters {
            let left = exporter.flush(deadline);
            if left > 0 {
                log::warn!(
                    "collector {}: {left} spans given up, the time for them is over",
                    exporter.settings().authority
                );
            }
        }
    }
}
