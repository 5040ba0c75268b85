//! What is changed in heads on their way, and the answers that Weir gives itself.

pub mod forwarded;
pub mod headers;
pub mod location;
pub mod page;
pub mod redirect;
pub mod refusal;
