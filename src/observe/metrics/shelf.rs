//! How handles live: resolved while a snapshot is built, the same one for whoever asks again, and gone, with their series,
//! at the first sweep after nobody holds them any more.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;

/// The handles of one kind, by their labels.
#[derive(Debug)]
pub(super) struct Shelf<H> {
    handles: Mutex<HashMap<Vec<String>, Arc<H>>>,
}

impl<H> Default for Shelf<H> {
    fn default() -> Self {
        Self { handles: Mutex::default() }
    }
}

impl<H: Forget> Shelf<H> {
    pub(super) fn handle(&self, labels: &[&str], make: impl FnOnce() -> H) -> Arc<H> {
        let key = labels.iter().map(ToString::to_string).collect();
        self.handles.lock().entry(key).or_insert_with(|| Arc::new(make())).clone()
    }

    /// Forgets the handles that nobody else holds, and their series with them.
    pub(super) fn sweep(&self) {
        self.handles.lock().retain(|_, handle| {
            let held = Arc::strong_count(handle) > 1;
            if !held {
                handle.forget();
            }
            held
        });
    }
}

/// Takes a handle's series out of the tables. A series that never came into being is no error.
pub(super) trait Forget {
    fn forget(&self);
}

/// What tells how things are now: there only while the running configuration has what it tells of. Counters stay for as
/// long as somebody counts with them; a gauge that nobody sets any more would tell of a day long gone.
#[derive(Debug)]
pub(super) struct Present<G>(Mutex<Option<G>>);

impl<G> Present<G> {
    /// Not there yet.
    pub(super) const fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    /// There from now on.
    pub(super) fn arrive(&self, make: impl FnOnce() -> G) {
        let _ = self.0.lock().get_or_insert_with(make);
    }

    /// There no longer; `gone` takes its series away.
    pub(super) fn leave(&self, gone: impl FnOnce(G)) {
        let mut present = self.0.lock();
        if let Some(present) = present.take() {
            gone(present);
        }
    }

    /// Tells, where it is there.
    pub(super) fn tell(&self, tell: impl FnOnce(&G)) {
        if let Some(present) = &*self.0.lock() {
            tell(present);
        }
    }
}

/// Something that is open and counted so until this is dropped.
#[derive(Debug)]
pub struct GaugeGuard(IntGauge);

impl GaugeGuard {
    pub(super) fn one_more(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
