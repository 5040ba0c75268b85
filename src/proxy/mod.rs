//! What carries traffic: sockets and their connections, the way of one request, the two protocols of clients, and
//! connections to nodes. The only room that knows pingora-core.
//!
//! ```text
//! accept      sockets; a connection, request after request
//! passthrough connections whose TLS is not ended here
//! exchange    one request's way
//! connection  what is known of a client's connection
//! worker      what a thread owns, and what all share
//! generation  a configuration made ready to run
//! client      both directions of a client, in HTTP/1 and HTTP/2; TLS towards clients
//! node        connections to nodes, and who they are
//! io          bytes: streams, sockets, buffers, the coarse clock
//! ```

pub(crate) mod accept;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod exchange;
pub(crate) mod generation;
pub(crate) mod io;
pub(crate) mod node;
pub(crate) mod passthrough;
pub(crate) mod worker;
