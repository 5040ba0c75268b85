//! What becomes of a scrape's text before it goes out.

pub(super) mod earlier;
pub(super) mod open_metrics;
pub(super) mod shared;
