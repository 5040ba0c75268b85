//! Finds the site and the route of a request, and says who may use them.

pub mod access;
pub mod client_address;
pub mod edits;
pub mod normalized_path;
mod normalized_target;
pub mod path_change;
mod prefilter;
pub mod reverse_map;
pub mod routes;
pub mod rules;
pub mod sites;
