//! Everything a request meets, and no I/O while it does: routing by host, pools, balancing, sessions, states,
//! retries, headers, refusals, and the snapshot that holds one generation of it all.
//!
//! Decides on plain values (`now` comes in), returns what it decided and never logs, waits or talks to the network.

pub mod balance;
pub mod cookies;
pub mod headers;
pub mod location;
pub mod refusal;
pub mod retry;
pub mod sessions;
pub mod sites;
pub mod snapshot;
pub mod state;
pub mod tick;
