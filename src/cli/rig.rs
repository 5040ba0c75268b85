//! What stands around a Weir that a command starts for itself: servers for its nodes, the certificate that they show, and
//! Weir as a child process. `weir demo` shows a cluster with them, `weir import --compare` asks the old and the new.

pub(crate) mod asking;
pub(crate) mod message;
pub(crate) mod stock_certificate;
pub(crate) mod stub;
pub(crate) mod weir_process;
