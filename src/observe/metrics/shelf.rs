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

/// Something that is open and counted so until this is dropped.
#[derive(Debug)]
pub struct Open(IntGauge);

impl Open {
    pub(super) fn one_more(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
