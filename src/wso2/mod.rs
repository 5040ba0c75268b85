//! The nodes' side of a WSO2 cluster: what is wrong in the configuration files of its nodes, by themselves, between each other,
//! and compared with weir.toml; and the edits that make it right.
//!
//! Files are read and nothing is written. ESB 4.9 and 5.0 and EI 6 are known.

mod across;
pub mod checks;
mod context;
mod examined;
mod files;
mod findings;
mod model;
mod names;
mod node;
mod reading;
pub mod soap;
mod view;
mod write;
pub mod wsdl;

pub use self::checks::Check;
pub use self::examined::{Asked, Checked, check};
pub use self::files::tree::{directories, is_archive};
pub(crate) use self::files::xml::secret_lines;
pub use self::findings::Finding;
pub use self::model::databases::host as host_of_database;
pub(crate) use self::view::{Members, View};
pub use self::write::{Change, Plan, Unsettled, plan};
