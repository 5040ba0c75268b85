//! Limits: connections, request rates, interim answers.

pub mod client_key;
pub mod connections;
pub mod interim;
pub mod rate;
