//! What leaves the house: metrics, access and error logs, the journal, recent events and systemd's notifications.
//! Nothing in this room blocks a caller on the request path, and it knows no other room.

pub mod access_log;
pub mod dates;
mod desk;
pub mod digits;
mod escape;
pub mod events;
pub mod journal;
pub mod logs;
pub mod metrics;
pub mod notify;
mod observer;
mod seldom;
mod sink;
mod writer;

pub use observer::Observer;
