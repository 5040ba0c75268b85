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
    /// Two of the proxy that have their sessions in common.
    Two,
}

/// One of two that have their sessions in common.
#[derive(Clone, Copy)]
pub(super) struct OfTwo {
    /// 0 or 1.
    pub(super) own: usize,
    /// What they do it by: HAProxy listens there for the other one, and for Weir there are servers.
    pub(super) links: [u16; 2],
}

/// All of it, for one start.
pub(super) struct Plan<'run> {
    pub(super) testbed: &'run Testbed,
    pub(super) shape: Shape,
    pub(super) of_two: Option<OfTwo>,
    pub(super) ports: &'run Ports,
    pub(super) origins: OriginPorts,
    pub(super) dir: &'run Path,
    pub(super) logged: bool,
}
