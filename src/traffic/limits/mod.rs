//! How much of something there may be: connections, requests in a time, interim answers.

pub mod client_key;
pub mod connections;
pub mod interim;
pub mod rate;
