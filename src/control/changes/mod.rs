//! What operators change beside orders for nodes, and how far each order is.

pub(crate) mod operations;
pub(crate) mod weights;
