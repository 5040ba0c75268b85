//! A moment on the two clocks that do not restart with the process. The caller passes it in.

/// A moment on both clocks, in milliseconds. Times shown to people use the wall clock, which can be set; durations use
/// the clock that counts from the machine's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since 1970.
    pub unix: u64,
    /// Since the machine's start.
    pub up: u64,
}
