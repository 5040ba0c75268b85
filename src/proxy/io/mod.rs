//! Bytes in transit: streams with deadlines, sockets, buffers, the coarse clock, descriptors.

pub(crate) mod buffers;
pub(crate) mod clock;
pub(crate) mod descriptors;
pub(crate) mod dial;
pub(crate) mod fault;
pub(crate) mod memory;
pub(crate) mod stream;
pub(crate) mod tcp;
pub(crate) mod unchunk;
