//! Which site and route a request belongs to, and who may come.

pub mod access;
pub mod client;
pub mod edits;
pub mod normalized_path;
mod normalized_target;
pub mod places;
pub mod routes;
pub mod rules;
mod sieve;
pub mod sites;
