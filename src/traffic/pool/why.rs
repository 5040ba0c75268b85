//! Why a request went to its node: one word for the log, `X-Weir` and `weir why`.

use super::retry::Failure;
use super::state::{Reason, State};

/// Why this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Why {
    /// No node was chosen.
    #[default]
    None,
    /// It was its turn.
    Balanced,
    /// The request's session lives there.
    Session,
    /// The session has returned from another node to its home.
    Returned,
    /// The session's node could not serve, so the session moves here.
    Rebound(Lost),
    /// No active node could take the request, so a standby was activated for it.
    StandbyActivated,
    /// No other node could take the request.
    Backup,
    /// No node is known to be good yet; this one was never probed.
    Unprobed,
    /// No node is active; this one is the most likely to answer.
    LastResort,
    /// The node before it failed.
    Retry(Failure),
}

/// Why a session's node could not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It is passive.
    Passive(Reason),
    /// It was full.
    Busy,
    /// It failed for this request.
    Failed,
    /// It is no longer in this pool.
    Gone,
}

impl Lost {
    /// Why a node in this state could not serve its session.
    pub const fn of(state: State) -> Self {
        match state {
            // It became active between two reads of its state.
            State::Active => Self::Busy,
            State::Passive(reason) => Self::Passive(reason),
        }
    }
}

impl Why {
    /// The word in the log, `X-Weir` and `weir why`; empty if no node was chosen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Balanced => "balanced",
            Self::Session => "session",
            Self::Returned => "returned",
            Self::Rebound(Lost::Passive(Reason::Checking)) => "rebound:checking",
            Self::Rebound(Lost::Passive(Reason::Draining)) => "rebound:draining",
            Self::Rebound(Lost::Passive(Reason::Ejected)) => "rebound:ejected",
            Self::Rebound(Lost::Passive(Reason::Maintenance)) => "rebound:maintenance",
            Self::Rebound(Lost::Passive(Reason::Standby)) => "rebound:standby",
            Self::Rebound(Lost::Passive(Reason::Unhealthy)) => "rebound:unhealthy",
            Self::Rebound(Lost::Busy) => "rebound:busy",
            Self::Rebound(Lost::Failed) => "rebound:failed",
            Self::Rebound(Lost::Gone) => "rebound:gone",
            Self::StandbyActivated => "standby-activated",
            Self::Backup => "backup",
            Self::Unprobed => "unprobed",
            Self::LastResort => "last-resort",
            Self::Retry(failure) => failure.retry_word(),
        }
    }
}
