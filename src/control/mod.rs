//! What runs beside requests: life cycle and signals, reload, probes, DNS look-ups, operators' orders, and what is
//! stored on disk. It has its own thread, so that it goes on when traffic does not.

pub(crate) mod acme;
pub(crate) mod actor;
pub(crate) mod admin_sockets;
pub(crate) mod changes;
pub(crate) mod cluster;
pub(crate) mod gauges;
mod names;
pub(crate) mod notice;
pub(crate) mod operators;
pub(crate) mod outages;
mod probing;
mod refusals;
pub(crate) mod reload;
pub(crate) mod run;
mod sampling;
pub(crate) mod shared;
pub(crate) mod state;
pub(crate) mod store;
mod upkeep;
pub(crate) mod verdict;
