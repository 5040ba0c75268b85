//! What runs beside requests: the life cycle and its signals, reload, probes, look-ups of names, operators' words, and
//! what is kept on disk. On a thread of its own, so that it goes on when traffic does not.

pub(crate) mod gauges;
pub(crate) mod moments;
mod names;
mod naming;
pub(crate) mod operators;
pub(crate) mod outages;
mod probe;
mod probing;
mod reload;
pub(crate) mod run;
pub(crate) mod session_store;
pub(crate) mod state;
mod state_dir;
mod tended;
pub(crate) mod trouble;
