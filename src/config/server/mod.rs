//! Settings for the whole of Weir: listening addresses, logs, servers, DNS, where spans go, and what several machines share.

pub(crate) mod acme;
pub(crate) mod admin;
pub(crate) mod admin_places;
mod admin_tls;
mod admin_tokens;
pub(crate) mod cluster;
pub(crate) mod dns;
pub(crate) mod listeners;
pub(crate) mod logs;
pub(crate) mod nodes;
mod secret_file;
pub(crate) mod shared;
pub(crate) mod state_dir;
pub(crate) mod tracing;
