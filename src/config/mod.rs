//! What the operator wrote, and what it means.
//!
//! [`load`] reads the file and everything it includes, checks all of it (files and certificates too) and
//! returns either a [`Config`] in which nothing can be wrong any more, or every error at once, each with
//! its file, line and what would be right. Knows no other room, no pingora and no tokio.

pub mod certificate;
mod errors;
mod load;
mod model;

pub use errors::{Errors, Place, Problem};
pub use load::load;
pub use model::*;
