//! Where the spans of requests go.

use std::time::Duration;

use crate::config::text::errors::Place;

/// `[tracing]`: the OpenTelemetry collector that gets spans, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracing {
    /// Where the collector is.
    pub endpoint: Endpoint,
    /// What the spans say they come from. Default `weir`.
    pub service_name: String,
    /// Of a hundred traces that Weir begins, how many are sampled. Default 100.
    pub sample: u16,
    /// How long a span waits at most before it is sent. Default 5s.
    pub interval: Duration,
    /// How long the collector may take for one batch. Default 10s.
    pub timeout: Duration,
    /// The most spans in one batch. Default 512.
    pub batch_size: usize,
    /// How many bytes of spans may wait. Default 4MiB.
    pub queue: usize,
    /// Its place in the file.
    pub at: Place,
}

/// The address of a collector or a member: `http://AUTHORITY/PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Host and port.
    pub authority: String,
    /// What is asked for there.
    pub path: String,
}
