//! What this machine has in common with others that serve the same hosts (`[shared]`).

pub(crate) mod keys;
