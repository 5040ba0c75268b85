//! What became of a request's session.

/// What became of a request's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionOutcome {
    /// It named none that is known.
    None,
    /// It went to its own node.
    Hit,
    /// Its node could not be used, so another one was chosen. With the answer it moves there.
    Rebound,
    /// Its node failed once and is active: another one helps this request out.
    Away,
    /// The node named a new one.
    Learned,
}

impl SessionOutcome {
    /// As the log says it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hit => "hit",
            Self::Rebound | Self::Away => "rebound",
            Self::Learned => "learned",
        }
    }
}
