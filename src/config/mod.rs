//! What the operator wrote, and what it means.
//!
//! [`load`] reads the file and everything it includes, and checks all of it with the certificates and other files that
//! it names. It returns either a [`Config`] that is correct, or all errors at once, each with its file, its line and
//! what would be right. Knows no other room, no pingora and no tokio.

pub mod certificate;
mod changes;
mod explain;
mod hosts;
mod load;
mod model;
pub mod orders_file;
mod pool;
mod pools_without_nodes;
pub(crate) mod rules;
mod server;
mod site;
mod text;
mod unused;
mod values;

pub use self::server::admin_places::{AdminPlaces, admin_places};
pub(crate) use self::site::error_page;
pub(crate) use self::site::ordered::first_line as first_line_of_ordered;
pub use self::text::errors::{Errors, Place, Problem, first_of};
pub use self::text::reference::{Form, Key, heading, reference, table_below};
pub use self::text::regular;
pub use self::text::report::{render_warnings, render_warnings_of};
pub use self::text::source::Texts;
pub(crate) use self::text::source::{Source, bytes};
pub use self::text::units::spoken_duration;
pub use self::text::words::suggestion;
pub use self::values::paths::any_of;
pub(crate) use self::values::wso2::is_carbon;
pub use changes::{Changes, changes};
pub use explain::{Effective, explain};
pub use hosts::HostPattern;
#[cfg(test)]
pub(crate) use load::empty;
pub use load::{load, load_after, load_again, load_at, load_draft, load_text};
pub use model::*;
pub use pools_without_nodes::pools_without_nodes;
