//! What belongs to the whole of Weir: where it accepts, what it writes, the servers and who resolves their names.

pub(crate) mod dns;
pub(crate) mod listeners;
pub(crate) mod logs;
pub(crate) mod nodes;
pub(crate) mod state_dir;
