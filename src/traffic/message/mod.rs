//! Changes to heads on their way, and the answers that Weir makes itself.

pub mod client_certificate;
pub mod cookies;
pub mod decimal;
pub mod forwarded;
pub mod headers;
pub mod ids;
pub mod local_reply;
pub mod location;
pub mod redirect;
pub mod refusal;
pub mod request_source;
pub mod request_values;
