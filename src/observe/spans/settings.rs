//! Where spans go, and how many at once.

use std::time::Duration;

/// A collector, and how it gets spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its host and port.
    pub authority: String,
    /// The path that takes spans.
    pub path: String,
    /// What the spans say they come from.
    pub service_name: String,
    /// How long a span waits at most before it is sent.
    pub interval: Duration,
    /// How long the collector may take for one batch.
    pub timeout: Duration,
    /// The most spans in one batch.
    pub batch_size: usize,
    /// How many bytes may wait.
    pub queue: usize,
}
