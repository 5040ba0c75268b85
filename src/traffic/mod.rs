//! Everything a request meets, and no I/O while it does: routing by host, pools, balancing, sessions, states,
//! retries, headers, refusals, and the snapshot that holds one generation of it all.
//!
//! Decides on plain values (`now` comes in), returns what it decided and never logs, waits or talks to the network.

pub mod affinity;
pub mod balance;
pub mod generations;
pub mod limits;
mod linked_pools;
pub mod message;
pub mod moment;
pub mod pool;
pub mod resolved;
pub mod routing;
pub mod snapshot;
pub mod tick;
