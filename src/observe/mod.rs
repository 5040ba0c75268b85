//! What Weir reports: metrics, access and error logs, spans, the journal, recent events and notifications to systemd. Nothing in
//! this room blocks a caller on the request path, and it leans on no other room.

pub mod access_log;
mod appender;
pub mod dates;
pub mod digits;
mod escape;
pub mod events;
pub mod history;
pub mod journal;
pub(crate) mod log_rate_limit;
pub mod logs;
pub mod metrics;
pub mod notify;
mod observer;
mod queue;
pub mod spans;
mod writer;

pub use observer::Observer;
