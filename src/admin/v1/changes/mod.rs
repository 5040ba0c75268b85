//! What operators change.

mod change;
pub(super) mod log_level;
pub(super) mod orders;
pub(super) mod reload;
pub(super) mod weight;
