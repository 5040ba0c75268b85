//! The current time by the clocks that outlive the process: the wall clock and the machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::observe::notify::monotonic_microseconds;
use crate::traffic::moment::Moment;

/// The current time by both clocks.
pub(crate) fn now() -> Moment {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    Moment { unix: u64::try_from(unix).unwrap_or(u64::MAX), up: monotonic_microseconds() / 1000 }
}

/// The id of the machine's current boot. Empty if the kernel does not tell it.
pub(crate) fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
