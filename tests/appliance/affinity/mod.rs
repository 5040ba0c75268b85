//! Sessions and the nodes that they belong to.

mod late_answers;
mod self_healing;
mod sticky;
mod sticky_modes;
