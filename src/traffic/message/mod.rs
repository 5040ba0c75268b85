//! What is changed in heads on their way, and the answers that Weir gives itself.

pub mod decimal;
pub mod forwarded;
pub mod headers;
pub mod local_reply;
pub mod location;
pub mod redirect;
pub mod refusal;
