//! Where a request goes, and what must not be reached.

mod changed_paths;
mod denials;
mod nameless;
mod routes;
mod sites;
