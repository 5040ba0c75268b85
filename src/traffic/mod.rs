//! Everything a request meets, and no I/O while it does: routing by host, pools, balancing, sessions, states,
//! retries, headers, refusals, and the snapshot that holds one generation of it all.
//!
//! Decides on plain values (`now` comes in), returns what it decided and never logs, waits or talks to the network.

pub mod access;
pub mod balance;
pub mod belonging;
pub mod client;
pub mod client_key;
pub mod clients;
mod company;
pub mod cookies;
pub mod edits;
pub mod forwarded;
pub mod headers;
pub mod interim;
pub mod latency;
pub mod location;
pub mod member;
pub mod moment;
pub mod operators;
pub mod outage;
pub mod own_cookie;
pub mod page;
pub mod places;
pub mod plain_path;
mod plain_target;
pub mod pool;
pub mod queue;
pub mod rate;
pub mod redirect;
pub mod refusal;
pub mod resolved;
pub mod retry;
pub mod routes;
pub mod rules;
pub mod sessions;
mod sieve;
pub mod sites;
pub mod snapshot;
pub mod standby;
pub mod state;
pub mod succession;
pub mod tending;
pub mod tick;
pub mod warmth;
pub mod why;
pub mod wish;
