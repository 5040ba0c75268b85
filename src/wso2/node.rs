//! What must hold for one node alone, and against weir.toml. A file for each subject.

mod carbon;
pub(crate) mod catalina;
pub(crate) mod clustering;
mod databases;
mod hazelcast;
mod keystores;
mod passthru;
mod receivers;
mod registry;
mod scheme;
mod start;
mod users;

use super::context::Context;
use super::reading::Reading;

/// Checks all files of a node.
pub(crate) fn check(context: Context<'_>, read: &Reading<'_>) {
    clustering::check(context);
    receivers::check(context);
    carbon::check(context);
    catalina::check(context);
    registry::check(context);
    databases::check(context);
    users::check(context);
    passthru::check(context);
    start::check(context);
    hazelcast::check(context, read);
    keystores::check(context, read);
}
