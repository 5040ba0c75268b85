//! What threads share. `tests/interleavings` has its own in this place: it tries the orders in which threads may come.

pub(crate) use std::sync::atomic;

pub(crate) use parking_lot::{Mutex, MutexGuard};
