//! How sessions are recognised: the identifier in a message, the session table, Weir's own affinity cookie.

pub mod own_cookie;
pub mod session_id;
pub mod sessions;
