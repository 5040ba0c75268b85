//! What other machines still have of a node that is under an order.

use serde::Serialize;
use utoipa::ToSchema;

use crate::control::operators::remaining::Elsewhere;

/// What another machine still has of a node, or the process that this one replaces.
#[derive(Serialize, ToSchema)]
pub(crate) struct ElsewhereView {
    /// As `weir status` calls it.
    machine: String,
    /// In words: `lb2 has 9 sessions and 1 request running`.
    told: String,
    /// `null` where they cannot be counted, or are not known.
    sessions: Option<u64>,
    in_flight: u32,
    /// It knows of the order, and has no session and no request left.
    done: bool,
    /// It knows of the order, has no request left, and sends none any more.
    safe: bool,
}

impl ElsewhereView {
    pub(crate) fn of(other: Elsewhere) -> Self {
        let Elsewhere { machine, told, sessions, in_flight, is_done, is_safe, .. } = other;
        Self { machine, told, sessions, in_flight, done: is_done, safe: is_safe }
    }
}
