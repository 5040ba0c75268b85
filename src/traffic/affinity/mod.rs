//! How a session is told: its identifier in a message, the table of sessions, the cookie of our own.

pub mod own_cookie;
pub mod session_id;
pub mod sessions;
