//! Who may ask and who may give orders, and how many at once: the admin address, the admin socket and the metrics
//! address. Nothing here knows what the paths do.

mod admit;
mod body;
mod caller;
mod client_certificate;
mod foreign;
mod in_use;
mod secure;
mod serve;
mod takes_data;
mod token;

pub(super) use serve::{Listening, serve, serve_all};
