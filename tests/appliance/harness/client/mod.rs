//! Clients: HTTP/1.1 as bytes, HTTP/2 by a library or frame by frame, and TLS as a test offers it.

pub(crate) mod frames;
pub(super) mod http1;
pub(super) mod http2;
pub(super) mod tls;
