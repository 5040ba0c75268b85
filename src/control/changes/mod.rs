//! What operators change beside orders for nodes, how far each order is, and what was ordered before the start.

pub(crate) mod operations;
pub(crate) mod stored;
pub(crate) mod weights;
