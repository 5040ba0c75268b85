//! What a check of one node needs.

use super::findings::Findings;
use super::model::NodeFiles;
use super::view::View;

/// The node, weir.toml, and where findings go.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) node: &'a NodeFiles,
    pub(crate) view: View<'a>,
    pub(crate) findings: &'a Findings,
}
