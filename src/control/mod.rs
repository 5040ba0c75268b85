//! What runs beside requests: the life cycle and its signals, reload, probes, look-ups of names, operators' words, and
//! what is kept on disk. On a thread of its own, so that it goes on when traffic does not.

pub(crate) mod gauges;
mod names;
pub(crate) mod operators;
pub(crate) mod outages;
mod probing;
mod reload;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod trouble;
mod upkeep;
