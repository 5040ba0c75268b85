//! A session has a node where it lives, and a home, which is its first node. `failback` chooses between them.

use std::time::Duration;

use crate::config::Failback;

/// A session as it was before this use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundSession {
    /// The node it lives on.
    pub node: u32,
    /// The node it lived on first.
    pub home: u32,
    /// How long it was unused. Never too long; at most a quarter of a second too short, in a large table a second.
    pub unused: Duration,
}

/// How a session came to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindKind {
    /// The session began there, so the node is its home.
    Learned,
    /// Its node could not serve, or it returns. Its home stays the same.
    Moved,
}

/// The node for a request of this session. `home_serves`: whether its home takes requests now.
pub fn failback(policy: Failback, found: &FoundSession, home_serves: bool) -> u32 {
    let returns = match policy {
        Failback::Stay => false,
        Failback::WhenIdle(least) => found.unused >= least,
        Failback::Return => true,
    };
    if returns && home_serves { found.home } else { found.node }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_returns_only_as_its_pool_says_and_only_to_a_home_that_serves() {
        let minute = Duration::from_secs(60);
        let (long, short) = (minute, minute - Duration::from_millis(1));
        let cases = [
            (Failback::Stay, long, true, 2),
            (Failback::Stay, long, false, 2),
            (Failback::WhenIdle(minute), long, true, 1),
            (Failback::WhenIdle(minute), long, false, 2),
            (Failback::WhenIdle(minute), short, true, 2),
            (Failback::WhenIdle(Duration::ZERO), Duration::ZERO, true, 1),
            (Failback::Return, Duration::ZERO, true, 1),
            (Failback::Return, long, false, 2),
        ];
        for (policy, unused, home_serves, expected) in cases {
            let moved = FoundSession { node: 2, home: 1, unused };
            assert_eq!(failback(policy, &moved, home_serves), expected, "{policy:?} {unused:?} {home_serves}");
            let at_home = FoundSession { node: 2, home: 2, unused };
            assert_eq!(failback(policy, &at_home, home_serves), 2, "who never moved stays: {policy:?}");
        }
    }
}
