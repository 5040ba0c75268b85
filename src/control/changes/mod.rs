//! What operators change beside orders for nodes, how far each order is, what was ordered before the start, and which orders machines have
//! in common.

pub(crate) mod common;
pub(crate) mod operations;
pub(crate) mod stored;
pub(crate) mod weights;
