//! Which site and route a request belongs to, and who may come.

pub mod access;
pub mod client_address;
pub mod edits;
pub mod normalized_path;
mod normalized_target;
mod prefilter;
pub mod reverse_map;
pub mod routes;
pub mod rules;
pub mod sites;
