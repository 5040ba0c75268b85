//! From the configuration of another proxy to one of Weir's. Reads files, writes none: what comes of it is a text that
//! passes the checks of `weir check`, and a report in which each directive has its line. Asks no running Weir.

mod nginx;

pub use self::nginx::class::Class;
pub use self::nginx::known::{LACKS, PROTECTS, SETTLED};
pub use self::nginx::report::{Line, Report};
pub use self::nginx::source::Input;
pub use self::nginx::{Imported, import};
