//! The states of a node in a pool, the reasons for being passive, and their words in logs, metrics and commands.

/// A node's state in a pool: an active node gets new requests, a passive one gets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It gets new requests.
    Active,
    /// It gets none, for one reason.
    Passive(Reason),
}

/// Why a node is passive. If several reasons hold, the first in this order is shown: maintenance, draining by an
/// operator, checking or unhealthy, ejected, draining because the pool no longer needs it, standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not probed yet.
    Checking,
    /// Finishing its sessions.
    Draining,
    /// Its traffic failed.
    Ejected,
    /// By an operator's order.
    Maintenance,
    /// Not needed now.
    Standby,
    /// Probes fail.
    Unhealthy,
}

/// A change of state, for the journal and metrics. It starts from the state to which the last change led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The old state.
    pub from: State,
    /// The new state.
    pub to: State,
}

impl State {
    /// `active` or `passive`, as in logs, metrics and commands.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive(_) => "passive",
        }
    }

    /// Why it is passive.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Active => None,
            Self::Passive(reason) => Some(reason),
        }
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Checking, Self::Draining, Self::Ejected, Self::Maintenance, Self::Standby, Self::Unhealthy];

    /// As in logs, metrics and commands.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Draining => "draining",
            Self::Ejected => "ejected",
            Self::Maintenance => "maintenance",
            Self::Standby => "standby",
            Self::Unhealthy => "unhealthy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_documents() {
        let words = Reason::ALL.map(Reason::word);
        assert_eq!(words, ["checking", "draining", "ejected", "maintenance", "standby", "unhealthy"]);
        assert_eq!([State::Active, State::Passive(Reason::Standby)].map(State::word), ["active", "passive"]);
    }
}
