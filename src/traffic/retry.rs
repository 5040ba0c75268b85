//! What follows when an attempt fails: another node, a fresh connection, or the end. A request that may have changed
//! something at a node is never sent twice; a POST of which a byte went up is never sent again.

use super::refusal::Refusal;

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Nodes tried for this request, this one included. A connection that was replaced does not count.
    pub tries_done: u32,
    /// How much of the request may have left for the node.
    pub sent: Sent,
    /// Whether the connection had carried a request before.
    pub reused: bool,
    /// Whether a byte of the answer came.
    pub answer_begun: bool,
    /// Whether the whole request body can be sent again; true where there is none.
    pub body_at_hand: bool,
    /// Whether the method may be repeated (RFC 9110 9.2.2).
    pub idempotent: bool,
}

/// How much of a request may have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Not a byte was written.
    Nothing,
    /// At least a byte was written, wherever it is now.
    Something,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The node was silent for too long.
    AnswerTimeout,
    /// No connection came about.
    Connect(ConnectFailure),
    /// The connection ended in order, before the end of an answer.
    Cut,
    /// What came is no answer.
    Malformed,
    /// The certificate is not the pinned one.
    Pin,
    /// The connection was reset.
    Reset,
    /// The request could not be written.
    SendFailed,
    /// The node took no byte for too long.
    SendTimeout,
    /// The TLS handshake failed.
    Tls,
}

/// Why no connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectFailure {
    /// Weir itself has no descriptor or port left: no fault of the node.
    Exhausted,
    /// Nobody listens there.
    Refused,
    /// No answer in time.
    Timeout,
    /// No way there.
    Unreachable,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The client gets [`Failure::refusal`], or a cut where an answer had begun.
    GiveUp,
    /// Another node.
    NextNode,
    /// The same node over a connection that was not used before; no try is counted.
    SameNodeFresh,
}

/// What follows a failed attempt. `tries_max` counts nodes; `other_node_left` tells whether one that was not tried
/// would take the request.
pub fn decide(attempt: &Attempt, failure: Failure, tries_max: u32, other_node_left: bool) -> Next {
    let repeatable = attempt.sent == Sent::Nothing || (attempt.idempotent && attempt.body_at_hand);
    if attempt.answer_begun || !repeatable || failure.is_final() {
        return Next::GiveUp;
    }
    if attempt.reused && failure.is_stale() {
        return Next::SameNodeFresh;
    }
    if attempt.tries_done >= tries_max || !other_node_left {
        return Next::GiveUp;
    }
    Next::NextNode
}

/// Whether the failure is held against the node. A node may close a connection that it kept idle; that a request met
/// it is nobody's fault (nginx counts it, and so ejects nodes that are well).
pub fn blame(attempt: &Attempt, failure: Failure) -> bool {
    let met_the_close = attempt.reused && !attempt.answer_begun && failure.is_stale();
    !met_the_close && failure != Failure::Connect(ConnectFailure::Exhausted)
}

impl Failure {
    /// Whether it ejects the node: nothing can be asked of it now.
    pub const fn ejects(self) -> bool {
        match self {
            Self::Connect(ConnectFailure::Exhausted) => false,
            Self::Connect(_) | Self::Pin | Self::Tls => true,
            _ => false,
        }
    }

    /// What the client is told when this was the last attempt.
    pub const fn refusal(self) -> Refusal {
        match self {
            Self::AnswerTimeout => Refusal::AnswerTimeout,
            Self::Connect(ConnectFailure::Exhausted) => Refusal::Exhausted,
            Self::Connect(ConnectFailure::Refused) => Refusal::NodeRefused,
            Self::Connect(ConnectFailure::Timeout) => Refusal::ConnectTimeout,
            Self::Connect(ConnectFailure::Unreachable) => Refusal::NodeUnreachable,
            Self::Cut => Refusal::NodeCut,
            Self::Malformed => Refusal::NodeMalformed,
            Self::Pin => Refusal::NodePin,
            Self::Reset | Self::SendFailed => Refusal::NodeReset,
            Self::SendTimeout => Refusal::SendTimeout,
            Self::Tls => Refusal::NodeTls,
        }
    }

    /// The node may be at work on the request, or answered it in a way that another would not mend.
    const fn is_final(self) -> bool {
        matches!(self, Self::AnswerTimeout | Self::Malformed | Self::SendTimeout)
    }

    /// How a connection looks whose other end had closed it while it was idle.
    const fn is_stale(self) -> bool {
        matches!(self, Self::Cut | Self::Reset | Self::SendFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTS: [Failure; 4] = [
        Failure::Connect(ConnectFailure::Exhausted),
        Failure::Connect(ConnectFailure::Refused),
        Failure::Connect(ConnectFailure::Timeout),
        Failure::Connect(ConnectFailure::Unreachable),
    ];
    const HANDSHAKES: [Failure; 2] = [Failure::Pin, Failure::Tls];
    const STALE: [Failure; 3] = [Failure::Cut, Failure::Reset, Failure::SendFailed];
    const FINAL: [Failure; 3] = [Failure::AnswerTimeout, Failure::Malformed, Failure::SendTimeout];

    fn failures() -> impl Iterator<Item = Failure> {
        CONNECTS.into_iter().chain(HANDSHAKES).chain(STALE).chain(FINAL)
    }

    /// A letter for each thing that is so: `s`ent something, `r`eused, `a`nswer begun, `b`ody at hand, `i`dempotent.
    fn attempt(what: &str) -> Attempt {
        let is = |letter| what.contains(letter);
        Attempt {
            tries_done: 1,
            sent: if is('s') { Sent::Something } else { Sent::Nothing },
            reused: is('r'),
            answer_begun: is('a'),
            body_at_hand: is('b'),
            idempotent: is('i'),
        }
    }

    fn attempts() -> impl Iterator<Item = Attempt> {
        (0..32).map(|bits| {
            let letters = "srabi".chars().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
            attempt(&letters.map(|(_, letter)| letter).collect::<String>())
        })
    }

    #[test]
    fn what_follows_each_failure() {
        let (end, next, fresh) = (Next::GiveUp, Next::NextNode, Next::SameNodeFresh);
        for (what, connect, handshake, stale, last) in [
            // Nothing was sent: any method, with or without its body.
            ("", next, next, next, end),
            ("b", next, next, next, end),
            ("bi", next, next, next, end),
            ("i", next, next, next, end),
            ("r", next, next, fresh, end),
            ("rb", next, next, fresh, end),
            ("rbi", next, next, fresh, end),
            // Something was sent: only what may be repeated, and is there to be.
            ("s", end, end, end, end),
            ("sb", end, end, end, end),
            ("si", end, end, end, end),
            ("sbi", next, next, next, end),
            ("sr", end, end, end, end),
            ("srb", end, end, end, end),
            ("sri", end, end, end, end),
            ("srbi", next, next, fresh, end),
            // The answer had begun.
            ("a", end, end, end, end),
            ("sabi", end, end, end, end),
            ("srabi", end, end, end, end),
        ] {
            let rows = [(&CONNECTS[..], connect), (&HANDSHAKES, handshake), (&STALE, stale), (&FINAL, last)];
            for (failure, expected) in rows.iter().flat_map(|(kind, next)| kind.iter().map(move |one| (*one, *next))) {
                assert_eq!(decide(&attempt(what), failure, 3, true), expected, "{what:?} and {failure:?}");
            }
        }
    }

    #[test]
    fn tries_and_nodes_run_out_but_a_stale_connection_costs_none() {
        let refused = Failure::Connect(ConnectFailure::Refused);
        for (tries_done, tries_max, left, expected) in [
            (1, 3, true, Next::NextNode),
            (2, 3, true, Next::NextNode),
            (3, 3, true, Next::GiveUp),
            (1, 1, true, Next::GiveUp),
            (1, 0, true, Next::GiveUp),
            (1, 3, false, Next::GiveUp),
        ] {
            let once = Attempt { tries_done, ..attempt("bi") };
            assert_eq!(decide(&once, refused, tries_max, left), expected, "{tries_done} of {tries_max}, {left}");
            let stale = Attempt { reused: true, ..once };
            assert_eq!(decide(&stale, Failure::Cut, tries_max, left), Next::SameNodeFresh);
        }
    }

    #[test]
    fn a_post_of_which_a_byte_went_up_is_never_sent_again() {
        for attempt in attempts().filter(|attempt| !attempt.idempotent && attempt.sent == Sent::Something) {
            for failure in failures() {
                assert_eq!(decide(&attempt, failure, 9, true), Next::GiveUp, "{attempt:?} and {failure:?}");
            }
        }
    }

    #[test]
    fn no_answer_is_followed_by_another_one() {
        for attempt in attempts().filter(|attempt| attempt.answer_begun) {
            for failure in failures() {
                assert_eq!(decide(&attempt, failure, 9, true), Next::GiveUp, "{attempt:?} and {failure:?}");
            }
        }
    }

    #[test]
    fn a_fresh_connection_is_never_replaced_by_a_fresh_one() {
        for attempt in attempts().filter(|attempt| !attempt.reused) {
            for failure in failures() {
                assert_ne!(decide(&attempt, failure, 9, true), Next::SameNodeFresh, "{attempt:?} and {failure:?}");
            }
        }
    }

    #[test]
    fn what_is_held_against_the_node() {
        for failure in failures() {
            let own = failure == Failure::Connect(ConnectFailure::Exhausted);
            assert_eq!(blame(&attempt("sbi"), failure), !own, "fresh: {failure:?}");
            let stale = STALE.contains(&failure);
            assert_eq!(blame(&attempt("srbi"), failure), !own && !stale, "reused: {failure:?}");
            assert_eq!(blame(&attempt("sra"), failure), !own, "in the answer: {failure:?}");
        }
    }

    #[test]
    fn what_ejects_and_what_the_client_is_told() {
        for (failure, ejects, status, word) in [
            (Failure::AnswerTimeout, false, 504, "answer-timeout"),
            (Failure::Connect(ConnectFailure::Exhausted), false, 503, "exhausted"),
            (Failure::Connect(ConnectFailure::Refused), true, 502, "node-refused"),
            (Failure::Connect(ConnectFailure::Timeout), true, 504, "connect-timeout"),
            (Failure::Connect(ConnectFailure::Unreachable), true, 502, "node-unreachable"),
            (Failure::Cut, false, 502, "node-cut"),
            (Failure::Malformed, false, 502, "node-malformed"),
            (Failure::Pin, true, 502, "node-pin"),
            (Failure::Reset, false, 502, "node-reset"),
            (Failure::SendFailed, false, 502, "node-reset"),
            (Failure::SendTimeout, false, 504, "send-timeout"),
            (Failure::Tls, true, 502, "node-tls"),
        ] {
            assert_eq!((failure.ejects(), failure.refusal().answer()), (ejects, (status, word)), "{failure:?}");
        }
    }
}
