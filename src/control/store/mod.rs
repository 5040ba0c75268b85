//! What is kept on disk over a restart, and the clocks by which it ages.

pub(crate) mod moments;
pub(crate) mod sessions;
pub(crate) mod state_dir;
