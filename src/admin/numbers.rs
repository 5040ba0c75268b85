//! Numbers as the API shows them: of the last minute, and since when Weir counts.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use utoipa::ToSchema;

use crate::control::state::Control;
use crate::observe::dates::rfc3339;
use crate::observe::history::{LastMinute, Percentiles, Point, Subject};
use crate::observe::metrics::{Counts, Tally};

/// What happened in the last minute.
#[derive(Serialize, ToSchema)]
pub(crate) struct Minute {
    /// How many seconds this is: up to 60, fewer just after the start.
    seconds: u64,
    /// Requests that ended.
    requests: u64,
    per_second: f64,
    status: Statuses,
    /// Requests that Weir refused or could not finish; of a node, tries that failed there.
    failures: u64,
    /// The share of answers with a status of 5xx, in percent; absent without requests.
    error_percent: Option<f64>,
    request_bytes: u64,
    answer_bytes: u64,
    /// How long requests took; absent without requests.
    milliseconds: Option<Milliseconds>,
    /// Requests that were being worked on at the end of the last second. Only nodes and pools have some.
    in_flight: u64,
}

/// How many answers had a status of each class; 1xx are tunnels.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Statuses {
    #[serde(rename = "1xx")]
    informational: u64,
    #[serde(rename = "2xx")]
    success: u64,
    #[serde(rename = "3xx")]
    redirection: u64,
    #[serde(rename = "4xx")]
    client_error: u64,
    #[serde(rename = "5xx")]
    server_error: u64,
}

/// Half, 95 and 99 of 100 requests took no longer than this.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Milliseconds {
    p50: f64,
    p95: f64,
    p99: f64,
}

/// What was counted since a moment. A reload does not set it back, but takes along what it takes out of a site, pool or node.
#[derive(Serialize, ToSchema)]
pub(crate) struct Total {
    /// When the counting began.
    since: String,
    requests: u64,
    status: Statuses,
    failures: u64,
    request_bytes: u64,
    answer_bytes: u64,
}

impl Minute {
    /// The last minute of a subject.
    pub(crate) fn of(control: &Control, subject: &Subject) -> Self {
        let LastMinute { point, seconds } = control.observer.history.last_minute(subject);
        let requests = point.requests();
        let errors = point.classes[4];
        Self {
            seconds,
            requests,
            per_second: rounded(requests as f64 / seconds.max(1) as f64, 100.0),
            status: Statuses::of(&point.classes),
            failures: point.failures,
            error_percent: (requests > 0).then(|| rounded(errors as f64 * 100.0 / requests as f64, 100.0)),
            request_bytes: point.received,
            answer_bytes: point.sent,
            milliseconds: Milliseconds::of(&point),
            in_flight: point.in_flight,
        }
    }
}

impl Statuses {
    pub(crate) fn of(classes: &[u64; 5]) -> Self {
        let [informational, success, redirection, client_error, server_error] = *classes;
        Self { informational, success, redirection, client_error, server_error }
    }
}

impl Milliseconds {
    fn of(point: &Point) -> Option<Self> {
        let Percentiles { p50, p95, p99 } = point.times?;
        let [p50, p95, p99] = [p50, p95, p99].map(milliseconds);
        Some(Self { p50, p95, p99 })
    }
}

impl Total {
    /// The sum of these tallies; it counts since the first of them.
    pub(crate) fn of<'t>(tallies: impl Iterator<Item = &'t Tally>) -> Self {
        let (mut sum, mut since) = (Counts::default(), SystemTime::now());
        for tally in tallies {
            sum.add(&tally.read());
            since = since.min(tally.since());
        }
        Self::counted(since, &sum)
    }

    /// What was counted since then.
    pub(crate) fn counted(since: SystemTime, sum: &Counts) -> Self {
        Self {
            since: rfc3339(since),
            requests: sum.classes.iter().sum(),
            status: Statuses::of(&sum.classes),
            failures: sum.failures,
            request_bytes: sum.received,
            answer_bytes: sum.sent,
        }
    }
}

/// A time in milliseconds, to a tenth.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3, 10.0)
}

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}
