//! The commands that ask a running Weir, by its admin socket or address alone.

mod client;
mod cluster_lines;
mod connection;
mod encode;
pub(super) mod names;
mod node_status;
mod node_table;
pub(super) mod operate;
mod reason;
mod request;
pub(super) mod show;
pub(super) mod status;
mod table;
mod wait_drained;
pub(super) mod why;

pub(super) use connection::AdminArgs;
pub(super) use encode::encoded;
pub(super) use request::asked_within;
