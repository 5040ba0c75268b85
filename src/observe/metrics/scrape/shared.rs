//! How it goes with the servers that machines share.

use std::time::Duration;

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec};

/// What is known of them, as it is when somebody reads.
pub struct SharedNumbers {
    /// The servers.
    pub servers: Vec<SharedServerNumbers>,
    /// Look-ups, by result.
    pub lookups: [(&'static str, u64); 4],
    /// Records that were not believed, by reason.
    pub refused: [(&'static str, u64); 2],
    /// Requests under rates in common, by what became of them.
    pub rates: [(&'static str, u64); 3],
    /// Sessions that another machine moved.
    pub moves: u64,
    /// Answers that waited in vain.
    pub unconfirmed: u64,
}

/// What is known of one.
pub struct SharedServerNumbers {
    /// `HOST:PORT`.
    pub name: String,
    /// Whether it can be used.
    pub up: bool,
    /// How long it took for the last question.
    pub lag: Option<Duration>,
    /// Sessions that it has to be told of.
    pub waiting: usize,
    /// Sessions that it was told of.
    pub told: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Shared {
    lookups: IntCounterVec,
    moves: IntCounterVec,
    rates: IntCounterVec,
    refused: IntCounterVec,
    lag: GaugeVec,
    up: IntGaugeVec,
    told: IntCounterVec,
    waiting: IntGaugeVec,
    unconfirmed: IntCounterVec,
}

impl Shared {
    /// Of what makes counters and gauges by their names.
    pub(crate) fn made_by(
        counter: impl Fn(&'static str) -> IntCounterVec,
        gauge: impl Fn(&'static str) -> IntGaugeVec,
        fraction: impl Fn(&'static str) -> GaugeVec,
    ) -> Self {
        Self {
            lookups: counter("weir_shared_lookups_total"),
            moves: counter("weir_shared_moves_total"),
            rates: counter("weir_shared_rate_requests_total"),
            refused: counter("weir_shared_records_refused_total"),
            lag: fraction("weir_shared_server_lag_seconds"),
            up: gauge("weir_shared_server_up"),
            told: counter("weir_shared_sessions_told_total"),
            waiting: gauge("weir_shared_sessions_waiting"),
            unconfirmed: counter("weir_shared_unconfirmed_total"),
        }
    }

    /// `None`: there are no servers, and no series.
    pub(crate) fn set(&self, numbers: Option<&SharedNumbers>) {
        let Self { lookups, moves, rates, refused, lag, up, told, waiting, unconfirmed } = self;
        [lookups, moves, rates, refused, told, unconfirmed].into_iter().for_each(IntCounterVec::reset);
        [up, waiting].into_iter().for_each(IntGaugeVec::reset);
        lag.reset();
        let Some(numbers) = numbers else { return };
        for (vec, counts) in [(lookups, &numbers.lookups[..]), (refused, &numbers.refused), (rates, &numbers.rates)] {
            counts.iter().for_each(|(word, count)| vec.with_label_values(&[word]).inc_by(*count));
        }
        moves.with_label_values::<&str>(&[]).inc_by(numbers.moves);
        unconfirmed.with_label_values::<&str>(&[]).inc_by(numbers.unconfirmed);
        for server in &numbers.servers {
            let name = &[&*server.name];
            up.with_label_values(name).set(server.up.into());
            waiting.with_label_values(name).set(i64::try_from(server.waiting).unwrap_or(i64::MAX));
            told.with_label_values(name).inc_by(server.told);
            let seconds = |lag: Duration| lag.as_secs_f64();
            server.lag.map(seconds).iter().for_each(|seconds| lag.with_label_values(name).set(*seconds));
        }
    }
}
