//! Metrics, events, logs and spans as one value, made once and handed to all who report something.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use super::events::Events;
use super::history::History;
use super::logs::Logs;
use super::metrics::Metrics;
use super::spans::Spans;

/// Metrics, events, logs and spans.
pub struct Observer {
    /// Counters and gauges.
    pub metrics: Metrics,
    /// The numbers of the last minute, ten minutes and day.
    pub history: History,
    /// The last events.
    pub events: Events,
    /// Access and error logs.
    pub logs: Logs,
    /// The spans of requests.
    pub spans: Spans,
}

impl Observer {
    /// Starts with zero counts and no open log.
    ///
    /// # Errors
    /// When the thread that writes logs cannot be started.
    pub fn start(version: &str) -> io::Result<Arc<Self>> {
        let now = SystemTime::now();
        Ok(Arc::new(Self {
            metrics: Metrics::new(version, now),
            history: History::new(now),
            events: Events::new(EVENTS, now),
            logs: Logs::start()?,
            spans: Spans::default(),
        }))
    }
}

/// How many events are kept.
const EVENTS: usize = 1000;
