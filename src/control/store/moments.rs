//! Now by the clocks that outlive the process: the wall clock, and that of the machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::observe::notify::monotonic_microseconds;
use crate::traffic::moment::Moment;

/// Now, by both clocks.
pub(crate) fn now() -> Moment {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    Moment { unix: u64::try_from(unix).unwrap_or(u64::MAX), up: monotonic_microseconds() / 1000 }
}

/// Which run of the machine this is: another one after each boot. Empty where the kernel does not tell.
pub(crate) fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
