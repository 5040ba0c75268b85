//! Scripted nodes, what they note of each request, and how strictly they read it.

pub(super) mod moody;
pub(super) mod origin;
pub(super) mod seen;
mod strict;
pub(super) mod talk;
pub(super) mod websocket;
