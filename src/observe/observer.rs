//! Everything that leaves the house, in one place to hand over.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use super::events::Events;
use super::logs::Logs;
use super::metrics::Metrics;

/// Everything that leaves the house, in one place to hand over.
pub struct Observer {
    /// Counters.
    pub metrics: Metrics,
    /// What happened lately.
    pub events: Events,
    /// Access and error logs.
    pub logs: Logs,
}

impl Observer {
    /// Nothing counted, nothing open yet.
    ///
    /// # Errors
    /// When the thread that writes logs cannot be started.
    pub fn start(version: &str) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            metrics: Metrics::new(version, SystemTime::now()),
            events: Events::new(EVENTS),
            logs: Logs::start()?,
        }))
    }
}

/// Events that are remembered.
const EVENTS: usize = 1000;
