//! The meaning of single values, independent of their table: addresses, names, paths, pins, statuses.

pub(crate) mod addresses;
pub(crate) mod edits;
pub(crate) mod limits;
pub(crate) mod names;
pub(crate) mod node_tls;
pub(crate) mod pairs;
pub(crate) mod paths;
pub(crate) mod pins;
pub(crate) mod redirect;
pub(crate) mod request_values;
pub(crate) mod statuses;
pub(crate) mod wso2;
