//! Listening sockets and the client connections on them, request after request.

mod connections;
mod http1;
mod http2;
mod introduction;
pub(crate) mod listeners;
pub(crate) mod sockets;
pub(crate) mod threads;
