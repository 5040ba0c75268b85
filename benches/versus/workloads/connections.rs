//! A TLS connection for each request.

use super::round::{Round, measure};
use crate::clients::handshakes::{self, Handshakes};
use crate::figures::Figures;
use crate::proxies::Running;
use crate::result::Result;

pub(super) fn full(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    measure(running, |running| handshakes::run(running.ports.edge, Handshakes::Full, round.seconds))
}

pub(super) fn resumed(running: &mut Running<'_>, round: &Round) -> Result<Figures> {
    measure(running, |running| handshakes::run(running.ports.edge, Handshakes::Resumed, round.seconds))
}
