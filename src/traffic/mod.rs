//! All decisions about a request, without I/O: routing by host, pools, balancing, sessions, node states, retries,
//! headers and refusals. A snapshot holds one generation of them.
//!
//! The time is an argument (`now`), and the decision is the return value. Nothing here logs, waits or uses the network.

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
mod sync;
pub mod tick;
#[cfg(test)]
mod xorshift;
