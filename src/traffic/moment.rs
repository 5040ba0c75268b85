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

impl Moment {
    /// Seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.unix / 1000
    }

    /// The wall clock's second at the moment `up`, if the wall clock is not set before.
    pub(super) const fn of_wall(self, up: u64) -> u64 {
        self.unix.saturating_add(up).saturating_sub(self.up) / 1000
    }
}
