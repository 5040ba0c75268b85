//! Both bodies on their way: up, down, what the two directions know of each other, and the tunnel after an upgrade.

pub(crate) mod download;
pub(crate) mod flow;
pub(crate) mod tunnel;
pub(crate) mod upload;
