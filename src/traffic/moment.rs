//! A moment by the two clocks that outlive the process, handed in by the caller.

/// A moment by both clocks, each in milliseconds. People know the wall clock, which may be set; what lasts is measured by
/// the one that runs since the machine's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since 1970.
    pub unix: u64,
    /// Since the machine's start.
    pub up: u64,
}
