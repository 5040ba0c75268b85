//! What operators are shown at the admin address: metrics, states, and why a request went where it went.

mod address;
mod changes;
mod page;
mod plus;
mod reminders;
mod shown;
mod snapshots;
mod stream;
mod tls;
mod trouble;
mod v1;
mod who_may;
mod why;
