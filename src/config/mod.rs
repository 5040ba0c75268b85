//! What the operator wrote, and what it means.
//!
//! [`load`] reads the file and everything it includes, checks all of it (files and certificates too) and
//! returns either a [`Config`] in which nothing can be wrong any more, or every error at once, each with
//! its file, line and what would be right. Knows no other room, no pingora and no tokio.

mod active;
mod addresses;
mod at_rest;
mod balance;
pub mod certificate;
mod covered;
mod dns;
mod edits;
mod eject;
mod errors;
mod health;
mod hosts;
mod include;
mod limits;
mod listeners;
mod load;
mod logs;
mod members;
mod model;
mod names;
mod node_tls;
mod nodes;
mod paths;
mod pins;
mod pools;
mod redirect;
mod reference;
pub mod regular;
mod report;
mod retry;
mod routes;
mod section;
mod sites;
mod source;
mod state_dir;
mod statuses;
mod sticky;
mod syntax;
mod units;
mod unused;
mod value;
mod words;

pub use at_rest::at_rest;
pub use errors::{Errors, Place, Problem};
pub use hosts::HostPattern;
pub use load::{load, load_after, load_at};
pub use model::*;
pub use paths::any_of;
pub use reference::{Form, Key, heading, reference};
pub use report::render_warnings;
pub use units::spoken_duration;
pub use words::suggestion;
