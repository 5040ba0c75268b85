//! What a proxy's configuration is made from.

use std::path::Path;

use crate::origins::OriginPorts;
use crate::ports::Ports;
use crate::testbed::Testbed;

/// What a proxy is set up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Two nodes, one site a listener.
    Usual,
    /// This many nodes behind the HTTP listener.
    Nodes(usize),
    /// This many sites, with a certificate each, on the edge listener.
    Sites(usize),
}

/// All of it, for one start.
pub(super) struct Plan<'run> {
    pub(super) testbed: &'run Testbed,
    pub(super) shape: Shape,
    pub(super) ports: &'run Ports,
    pub(super) origins: OriginPorts,
    pub(super) dir: &'run Path,
    pub(super) logged: bool,
}
