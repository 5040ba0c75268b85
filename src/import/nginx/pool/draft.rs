//! A pool while its nodes have no names.

use super::target::Endpoint;
use crate::import::nginx::table::Table;

/// A pool whose nodes have no names yet.
pub(super) struct Draft {
    pub(super) table: Table,
    pub(super) endpoints: Vec<Endpoint>,
    /// What makes it another pool than those with the same target.
    pub(super) identity: (String, bool, Vec<(String, String)>),
}

impl Draft {
    pub(super) fn name(&self) -> String {
        self.table.value("name").unwrap_or_default().trim_matches('"').to_owned()
    }
}
