//! Sockets and the client connections on them, carried request after request.

mod http1;
mod http2;
pub(crate) mod listeners;
pub(crate) mod threads;
