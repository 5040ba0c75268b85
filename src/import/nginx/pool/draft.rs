//! A pool while its nodes have no names.

use super::target::Endpoint;
use crate::import::nginx::table::Table;

/// What makes a pool another one: the target, whether it speaks TLS, and the keys of the place.
pub(super) type Identity = (String, bool, Vec<(String, String)>);

/// A pool whose nodes have no names yet.
pub(super) struct Draft {
    pub(super) table: Table,
    pub(super) endpoints: Vec<Endpoint>,
}

impl Draft {
    pub(super) fn name(&self) -> String {
        self.table.value("name").unwrap_or_default().trim_matches('"').to_owned()
    }
}
