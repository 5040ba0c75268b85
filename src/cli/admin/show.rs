//! Commands that show what a running Weir does, and what it would do.

pub(in crate::cli) mod bundle;
pub(in crate::cli) mod certificates;
pub(in crate::cli) mod configuration;
pub(in crate::cli) mod events;
pub(in crate::cli) mod ready;
pub(in crate::cli) mod sites;
pub(in crate::cli) mod top;
