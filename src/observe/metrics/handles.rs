//! The handles with which the other rooms count. A handle is resolved while a generation is built and shared by all who ask
//! for the same labels. Once nobody holds it, the next sweep removes it and its series.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;

/// The handles of one kind, by their labels.
#[derive(Debug)]
pub(super) struct Handles<H> {
    handles: Mutex<HashMap<Vec<String>, Arc<H>>>,
}

impl<H> Default for Handles<H> {
    fn default() -> Self {
        Self { handles: Mutex::default() }
    }
}

impl<H: RemoveSeries> Handles<H> {
    pub(super) fn handle(&self, labels: &[&str], make: impl FnOnce() -> H) -> Arc<H> {
        let key = labels.iter().map(ToString::to_string).collect();
        self.handles.lock().entry(key).or_insert_with(|| Arc::new(make())).clone()
    }

    /// Does something with each handle.
    pub(super) fn for_each(&self, mut act: impl FnMut(&H)) {
        self.handles.lock().values().for_each(|handle| act(handle));
    }

    /// Forgets the handles that nobody else holds, and their series with them.
    pub(super) fn sweep(&self) {
        self.handles.lock().retain(|_, handle| {
            let held = Arc::strong_count(handle) > 1;
            if !held {
                handle.remove_series();
            }
            held
        });
    }
}

/// Removes the series of a handle from their vectors. A series that does not exist is no error.
pub(super) trait RemoveSeries {
    fn remove_series(&self);
}

/// Gauges that exist only while the running configuration has the site, pool or node that they describe. Counters stay
/// until the last request has counted; a gauge that stayed would show an old value as if it were the present one.
#[derive(Debug)]
pub(super) struct ConfiguredGauges<G>(Mutex<Option<G>>);

impl<G> ConfiguredGauges<G> {
    /// Not in the running configuration yet.
    pub(super) const fn absent() -> Self {
        Self(Mutex::new(None))
    }

    /// It is in the configuration now: makes the gauges where they do not exist.
    pub(super) fn add(&self, make: impl FnOnce() -> G) {
        let _ = self.0.lock().get_or_insert_with(make);
    }

    /// It is no longer in the configuration; `remove_series` removes the series of the gauges.
    pub(super) fn remove(&self, remove_series: impl FnOnce(G)) {
        let mut gauges = self.0.lock();
        if let Some(gauges) = gauges.take() {
            remove_series(gauges);
        }
    }

    /// Sets gauges; does nothing where they do not exist.
    pub(super) fn update(&self, update: impl FnOnce(&G)) {
        if let Some(gauges) = &*self.0.lock() {
            update(gauges);
        }
    }
}

/// Adds one to a gauge until it is dropped: of open connections, open tunnels.
#[derive(Debug)]
pub struct GaugeGuard(IntGauge);

impl GaugeGuard {
    pub(super) fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
