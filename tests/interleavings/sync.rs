//! What threads share, as `src/traffic/sync.rs` has it.

pub use shuttle::sync::{MutexGuard, atomic};

/// A lock without poison.
#[derive(Debug, Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("a test that panics ends all its threads")
    }
}
