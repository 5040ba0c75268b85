//! The change to another process without a gap, as an upgrade needs it: the process that runs starts the new one beside it, gives
//! it every listening socket, stops to accept when the new one could serve, and ends when its last request is answered.
//! Until then it can take everything back.
//!
//! Sessions go over as tables in the form of their file: all before the new process accepts, and while the old one still
//! answers requests those that it learns. Counters go over as a scrape, which the new process adds to its own, the last events before
//! what has happened there, and the numbers of the last day subject by subject. Orders of operators and the secret of sessions go over
//! in memory, and are in the state directory, which only one of both writes.

mod channel;
mod events;
pub(super) mod giving;
mod nodes;
mod numbers;
pub(super) mod taking;
