//! Decides what follows a failed attempt: another node, a fresh connection, or the end. A non-idempotent request, such
//! as a POST, is never sent again once a byte of it was written, unless its route allows it. A retry budget keeps
//! retries from overloading nodes that are slow already.

mod budget;

use std::time::Duration;

pub use self::budget::Budget;
use crate::config;
use crate::traffic::message::refusal::Refusal;

/// The progress of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Nodes tried for this request, including this one. A second connection to the same node does not count.
    pub tries_done: u32,
    /// Time since the first try began.
    pub elapsed: Duration,
    /// Whether an untried node would take the request.
    pub another: Another,
    /// How much of the request may have reached the node.
    pub sent: Sent,
    /// Whether the connection was used for an earlier request.
    pub reused: bool,
    /// Whether a byte of the answer came. Not used for [`Failure::Status`], where the client has not received anything
    /// yet.
    pub answer_begun: bool,
    /// How long the node was silent after it had the whole request.
    pub silent: Duration,
    /// Whether the whole request body can be sent again; true if there is no body.
    pub body_at_hand: bool,
    /// Whether the method is idempotent (RFC 9110 9.2.2).
    pub idempotent: bool,
}

/// Whether an untried node is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Another {
    /// No.
    None,
    /// All untried nodes are full, but the queue has room.
    Later,
    /// An untried node would take the request at once.
    Now,
}

/// What the pool and the route allow.
#[derive(Clone, Copy, Debug)]
pub struct RetryTerms<'a> {
    /// The pool's `retry` table.
    pub retry: &'a config::Retry,
    /// Whether the route allows retries of non-idempotent requests.
    pub non_idempotent: bool,
}

/// How much of a request may have reached the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No byte was written.
    Nothing,
    /// At least one byte was written, whether or not it arrived.
    Something,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The node was silent for too long.
    AnswerTimeout,
    /// No connection could be opened.
    Connect(ConnectFailure),
    /// The node closed the connection before the end of an answer.
    Cut,
    /// The bytes are no HTTP answer.
    Malformed,
    /// The certificate is not the pinned one.
    Pin,
    /// The connection was reset.
    Reset,
    /// The request could not be written.
    SendFailed,
    /// The node accepted no byte for too long.
    SendTimeout,
    /// The node answered with this status, which [`RetryTerms::asks_again`] lists.
    Status(u16),
    /// The TLS handshake failed.
    Tls,
}

/// Why no connection could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectFailure {
    /// Weir has no descriptor or port left, which is no fault of the node.
    Exhausted,
    /// The connection was refused.
    Refused,
    /// No answer in time.
    Timeout,
    /// There is no route to the node.
    Unreachable,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The client gets [`Failure::refusal`], or, if an answer had begun, a cut connection.
    GiveUp,
    /// Another node.
    NextNode,
    /// The client gets the node's own answer, not a local reply.
    Pass,
    /// The same node over a fresh connection. This does not count as a try.
    SameNodeFresh,
}

/// What follows a failed attempt. `withdraw` takes a retry from the pool's [`Budget`]. It is called last, at most once,
/// and only if a byte was sent: a node that could not be reached had no work from the request.
pub fn decide(attempt: &Progress, failure: Failure, terms: &RetryTerms<'_>, withdraw: impl FnOnce() -> bool) -> Next {
    if attempt.may_go_again(failure, terms) {
        if attempt.reused && failure.is_stale() {
            return Next::SameNodeFresh;
        }
        let left = match failure {
            // The node's answer is better than waiting for a permit that may not come.
            Failure::Status(_) => attempt.another == Another::Now,
            _ => attempt.another != Another::None,
        };
        let another = left && terms.allow(attempt, failure);
        if another && (attempt.sent == Sent::Nothing || withdraw()) {
            return Next::NextNode;
        }
    }
    match failure {
        Failure::Status(_) => Next::Pass,
        _ => Next::GiveUp,
    }
}

/// A connection that breaks after this long a silence met a timeout of the node itself: the call was slow, and the node
/// may be healthy. WSO2's PassThrough closes after 180 s without an answer from its backend. A dead node breaks
/// connections sooner and refuses new ones. The value is the default window for counting failures.
const LONG_SILENCE: Duration = Duration::from_secs(10);

/// Whether the failure counts for ejection. A node may close an idle connection just as a request is sent on it, which
/// is no fault (nginx counts it, and so ejects healthy nodes). Statuses are judged by the `eject` settings instead.
pub fn blame(attempt: &Progress, failure: Failure) -> bool {
    let met_the_close = attempt.reused && !attempt.answer_begun && failure.is_stale();
    let own_limit = attempt.silent >= LONG_SILENCE && failure.is_stale();
    let never = matches!(failure, Failure::Connect(ConnectFailure::Exhausted) | Failure::Status(_));
    !met_the_close && !own_limit && !never
}

impl Progress {
    //= rfc9110#9.2.2 no-retry
    /// Whether the request may be sent again, to the same node or another.
    fn may_go_again(&self, failure: Failure, terms: &RetryTerms<'_>) -> bool {
        let answered = self.answer_begun && !matches!(failure, Failure::Status(_));
        let harmless = self.idempotent || terms.non_idempotent;
        !answered && (self.sent == Sent::Nothing || (harmless && self.body_at_hand))
    }
}

impl RetryTerms<'_> {
    /// Whether an answer with this status is a [`Failure::Status`].
    pub fn asks_again(&self, status: u16) -> bool {
        self.retry.on_status.iter().any(|range| range.contains(&status))
    }

    fn allow(&self, attempt: &Progress, failure: Failure) -> bool {
        let wanted = match failure {
            Failure::Connect(_) | Failure::Pin | Failure::Tls => self.retry.on_connect,
            Failure::Cut | Failure::Reset | Failure::SendFailed => self.retry.on_reset,
            Failure::AnswerTimeout | Failure::SendTimeout => self.retry.on_timeout,
            Failure::Status(status) => self.asks_again(status),
            // Another node would probably answer the same.
            Failure::Malformed => false,
        };
        wanted && attempt.tries_done < self.retry.tries && attempt.elapsed < self.retry.time
    }
}

/// The reasons for which a request of a pool with these rules may be sent again, as metrics name them. `tls` is whether the
/// pool speaks TLS to its nodes.
pub fn reasons(retry: &config::Retry, tls: bool) -> impl Iterator<Item = &'static str> {
    use Failure::{AnswerTimeout, Connect, Cut, Pin, Reset, SendTimeout, Status, Tls};
    let another = retry.tries > 1;
    let rules = [
        (retry.on_connect, &[Connect(ConnectFailure::Refused), Connect(ConnectFailure::Exhausted)][..]),
        (retry.on_connect && tls, &[Pin, Tls]),
        (retry.on_reset, &[Cut, Reset]),
        (retry.on_timeout, &[AnswerTimeout, SendTimeout]),
        (!retry.on_status.is_empty(), &[Status(0)]),
    ];
    let wanted = rules.into_iter().filter(move |(holds, _)| *holds && another);
    std::iter::once(STALE).chain(wanted.flat_map(|(_, failures)| failures).map(|failure| failure.word()))
}

/// The reason of a request that is sent again to the same node, because that had closed the kept connection.
pub const STALE: &str = "stale";

impl Failure {
    /// The refusal for the client if this was the last attempt.
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
            // Used only if another node was to be tried and then none was left.
            Self::Status(_) => Refusal::NoActiveNode,
            Self::Tls => Refusal::NodeTls,
        }
    }

    /// The word in metrics.
    pub const fn word(self) -> &'static str {
        self.retry_word().split_at("retry:".len()).1
    }

    /// The word in the log and in `X-Weir` for a node that was chosen after this failure.
    pub const fn retry_word(self) -> &'static str {
        match self {
            Self::AnswerTimeout => "retry:timeout",
            Self::Connect(ConnectFailure::Exhausted) => "retry:exhausted",
            Self::Connect(_) => "retry:connect",
            Self::Cut => "retry:cut",
            // Never logged, because a malformed answer is not retried.
            Self::Malformed => "retry:malformed",
            Self::Pin => "retry:pin",
            Self::Reset | Self::SendFailed => "retry:reset",
            Self::SendTimeout => "retry:send-timeout",
            Self::Status(_) => "retry:status",
            Self::Tls => "retry:tls",
        }
    }

    /// Whether it looks as if the node had closed an idle connection.
    const fn is_stale(self) -> bool {
        matches!(self, Self::Cut | Self::Reset | Self::SendFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    const CONNECTS: [Failure; 4] = [
        Failure::Connect(ConnectFailure::Exhausted),
        Failure::Connect(ConnectFailure::Refused),
        Failure::Connect(ConnectFailure::Timeout),
        Failure::Connect(ConnectFailure::Unreachable),
    ];
    const HANDSHAKES: [Failure; 2] = [Failure::Pin, Failure::Tls];
    const STALES: [Failure; 3] = [Failure::Cut, Failure::Reset, Failure::SendFailed];
    const TIMEOUTS: [Failure; 2] = [Failure::AnswerTimeout, Failure::SendTimeout];
    const STATUSES: [Failure; 2] = [Failure::Status(502), Failure::Status(503)];
    const MALFORMED: [Failure; 1] = [Failure::Malformed];

    const ALL: config::Retry = config::Retry {
        tries: 3,
        time: Duration::from_secs(30),
        budget: 20,
        on_connect: true,
        on_reset: true,
        on_timeout: true,
        on_status: Vec::new(),
    };

    #[test]
    fn the_reasons_that_are_known_beforehand_are_those_that_can_come() {
        let known = |retry: &config::Retry, tls| reasons(retry, tls).collect::<Vec<_>>();
        assert_eq!(known(&config::Retry { tries: 1, ..all() }, true), ["stale"]);
        assert_eq!(known(&ALL, false), ["stale", "connect", "exhausted", "cut", "reset", "timeout", "send-timeout"]);
        let everything = known(&all(), true);
        let retried = CONNECTS.iter().chain(&HANDSHAKES).chain(&TIMEOUTS).chain(&STATUSES);
        retried.for_each(|failure| assert!(everything.contains(&failure.word()), "{failure:?}"));
    }

    fn all() -> config::Retry {
        config::Retry { on_status: vec![502..=504, 429..=429], ..ALL }
    }

    fn failures() -> impl Iterator<Item = Failure> {
        CONNECTS.into_iter().chain(HANDSHAKES).chain(STALES).chain(TIMEOUTS).chain(STATUSES).chain(MALFORMED)
    }

    fn next(attempt: &Progress, failure: Failure, retry: &config::Retry, non_idempotent: bool) -> Next {
        decide(attempt, failure, &RetryTerms { retry, non_idempotent }, || true)
    }

    /// What the client gets if there is no retry.
    fn end_of(failure: Failure) -> Next {
        if matches!(failure, Failure::Status(_)) { Next::Pass } else { Next::GiveUp }
    }

    /// A letter for each thing that is so: `s`ent something, `r`eused, `a`nswer begun, `b`ody at hand, `i`dempotent.
    fn attempt(what: &str) -> Progress {
        let is = |letter| what.contains(letter);
        Progress {
            tries_done: 1,
            elapsed: Duration::ZERO,
            another: Another::Now,
            sent: if is('s') { Sent::Something } else { Sent::Nothing },
            reused: is('r'),
            answer_begun: is('a'),
            silent: Duration::ZERO,
            body_at_hand: is('b'),
            idempotent: is('i'),
        }
    }

    fn attempts() -> impl Iterator<Item = Progress> {
        (0..32).map(|bits| {
            let letters = "srabi".chars().enumerate().filter(|(position, _)| bits >> position & 1 == 1);
            attempt(&letters.map(|(_, letter)| letter).collect::<String>())
        })
    }

    #[test]
    fn what_follows_each_failure() {
        let (end, next_node, fresh, pass) = (Next::GiveUp, Next::NextNode, Next::SameNodeFresh, Next::Pass);
        for (what, connect, handshake, stale, timeout, status) in [
            // Nothing was sent: any method, with or without its body at hand.
            ("", next_node, next_node, next_node, next_node, next_node),
            ("b", next_node, next_node, next_node, next_node, next_node),
            ("bi", next_node, next_node, next_node, next_node, next_node),
            ("i", next_node, next_node, next_node, next_node, next_node),
            ("r", next_node, next_node, fresh, next_node, next_node),
            ("rb", next_node, next_node, fresh, next_node, next_node),
            ("rbi", next_node, next_node, fresh, next_node, next_node),
            // Something was sent: only idempotent requests whose body is at hand.
            ("s", end, end, end, end, pass),
            ("sb", end, end, end, end, pass),
            ("si", end, end, end, end, pass),
            ("sbi", next_node, next_node, next_node, next_node, next_node),
            ("sr", end, end, end, end, pass),
            ("srb", end, end, end, end, pass),
            ("sri", end, end, end, end, pass),
            ("srbi", next_node, next_node, fresh, next_node, next_node),
            // The answer had begun, as it has for a status.
            ("a", end, end, end, end, next_node),
            ("sab", end, end, end, end, pass),
            ("sabi", end, end, end, end, next_node),
            ("srabi", end, end, end, end, next_node),
        ] {
            let rows = [(&CONNECTS[..], connect), (&HANDSHAKES, handshake), (&STALES, stale), (&TIMEOUTS, timeout)];
            let rows = rows.into_iter().chain([(&STATUSES[..], status), (&MALFORMED, end)]);
            for (failure, expected) in rows.flat_map(|(kind, next)| kind.iter().map(move |one| (*one, next))) {
                assert_eq!(next(&attempt(what), failure, &all(), false), expected, "{what:?} and {failure:?}");
            }
        }
    }

    #[test]
    fn a_pool_says_what_it_repeats_for() {
        for (kinds, off) in [
            ([&CONNECTS[..], &HANDSHAKES].concat(), config::Retry { on_connect: false, ..all() }),
            (STALES.to_vec(), config::Retry { on_reset: false, ..all() }),
            (TIMEOUTS.to_vec(), config::Retry { on_timeout: false, ..all() }),
            (STATUSES.to_vec(), config::Retry { on_status: vec![500..=501, 504..=599], ..all() }),
        ] {
            for failure in failures().filter(|failure| *failure != Failure::Malformed) {
                let expected = if kinds.contains(&failure) { end_of(failure) } else { Next::NextNode };
                assert_eq!(next(&attempt("sbi"), failure, &off, false), expected, "{failure:?} under {off:?}");
                let stale = STALES.contains(&failure);
                let reused = if stale { Next::SameNodeFresh } else { expected };
                assert_eq!(next(&attempt("rsbi"), failure, &off, false), reused, "{failure:?} under {off:?}, reused");
            }
        }
        let retry = all();
        let terms = RetryTerms { retry: &retry, non_idempotent: false };
        let listed = [428, 429, 430, 501, 502, 503, 504, 505].map(|status| terms.asks_again(status));
        assert_eq!(listed, [false, true, false, false, true, true, true, false]);
    }

    #[test]
    fn tries_nodes_and_time_run_out_but_a_stale_connection_costs_none() {
        let refused = Failure::Connect(ConnectFailure::Refused);
        let second = Duration::from_secs(1);
        for (tries_done, tries, another, elapsed, expected) in [
            (1, 3, Another::Now, Duration::ZERO, Next::NextNode),
            (2, 3, Another::Now, 29 * second, Next::NextNode),
            (2, 3, Another::Now, 30 * second, Next::GiveUp),
            (2, 3, Another::Now, Duration::MAX, Next::GiveUp),
            (3, 3, Another::Now, Duration::ZERO, Next::GiveUp),
            (1, 1, Another::Now, Duration::ZERO, Next::GiveUp),
            (1, 0, Another::Now, Duration::ZERO, Next::GiveUp),
            (1, 3, Another::None, Duration::ZERO, Next::GiveUp),
        ] {
            let once = Progress { tries_done, elapsed, another, ..attempt("sbi") };
            let retry = config::Retry { tries, ..all() };
            for failure in [refused, Failure::Cut, Failure::AnswerTimeout, Failure::Status(503)] {
                let expected = if expected == Next::NextNode { expected } else { end_of(failure) };
                assert_eq!(next(&once, failure, &retry, false), expected, "{once:?} of {tries}: {failure:?}");
            }
            let (stale, terms) =
                (Progress { reused: true, ..once }, RetryTerms { retry: &retry, non_idempotent: false });
            assert_eq!(decide(&stale, Failure::Cut, &terms, || false), Next::SameNodeFresh);
        }
    }

    #[test]
    fn a_place_that_may_come_is_worth_waiting_for_but_not_where_an_answer_is_at_hand() {
        for (what, failure, expected) in [
            ("b", Failure::Connect(ConnectFailure::Refused), Next::NextNode),
            ("b", Failure::Tls, Next::NextNode),
            ("sbi", Failure::Reset, Next::NextNode),
            ("sbi", Failure::AnswerTimeout, Next::NextNode),
            ("sb", Failure::Reset, Next::GiveUp),
            ("sabi", Failure::Status(503), Next::Pass),
        ] {
            let once = Progress { another: Another::Later, ..attempt(what) };
            assert_eq!(next(&once, failure, &all(), false), expected, "{what} and {failure:?}");
        }
    }

    #[test]
    fn the_budget_is_asked_last_and_only_for_what_a_node_had_of_it() {
        for (what, failure, another, asked) in [
            ("bi", Failure::Connect(ConnectFailure::Refused), Another::Now, false),
            ("b", Failure::Tls, Another::Now, false),
            ("rsbi", Failure::Reset, Another::Now, false),
            ("sbi", Failure::Reset, Another::Now, true),
            ("sbi", Failure::AnswerTimeout, Another::Now, true),
            ("sabi", Failure::Status(503), Another::Now, true),
            ("sabi", Failure::Status(500), Another::Now, false),
            ("sabi", Failure::Reset, Another::Now, false),
            ("sbi", Failure::Reset, Another::None, false),
            ("sb", Failure::Reset, Another::Now, false),
            ("sbi", Failure::Malformed, Another::Now, false),
        ] {
            for left in [true, false] {
                let mut times = 0;
                let (once, retry) = (Progress { another, ..attempt(what) }, all());
                let followed = decide(&once, failure, &RetryTerms { retry: &retry, non_idempotent: false }, || {
                    times += 1;
                    left
                });
                assert_eq!(times, u32::from(asked), "{what} and {failure:?}");
                if asked {
                    assert_eq!(followed, if left { Next::NextNode } else { end_of(failure) }, "{what} and {failure:?}");
                }
            }
        }
    }

    #[test]
    fn a_post_of_which_a_byte_went_up_is_never_sent_again_unless_its_route_says_so() {
        for attempt in attempts().filter(|attempt| !attempt.idempotent && attempt.sent == Sent::Something) {
            for failure in failures() {
                let without = next(&attempt, failure, &all(), false);
                assert_eq!(without, end_of(failure), "{attempt:?} and {failure:?}");
                let same = Progress { idempotent: true, ..attempt };
                let with = next(&attempt, failure, &all(), true);
                assert_eq!(with, next(&same, failure, &all(), false), "as any other: {attempt:?} and {failure:?}");
                assert!(with == end_of(failure) || attempt.body_at_hand, "{attempt:?} and {failure:?}");
            }
        }
    }

    #[test]
    fn no_answer_is_followed_by_another_one_but_for_a_status_that_the_pool_lists() {
        for attempt in attempts().filter(|attempt| attempt.answer_begun) {
            for failure in failures().filter(|failure| !STATUSES.contains(failure)).chain([Failure::Status(500)]) {
                let found = next(&attempt, failure, &all(), true);
                assert_eq!(found, end_of(failure), "{attempt:?} and {failure:?}");
            }
        }
    }

    #[test]
    fn a_fresh_connection_is_never_replaced_by_a_fresh_one() {
        for attempt in attempts().filter(|attempt| !attempt.reused) {
            for failure in failures() {
                let found = next(&attempt, failure, &all(), true);
                assert_ne!(found, Next::SameNodeFresh, "{attempt:?} and {failure:?}");
            }
        }
    }

    #[test]
    fn what_is_held_against_the_node() {
        for failure in failures() {
            let own = failure == Failure::Connect(ConnectFailure::Exhausted) || STATUSES.contains(&failure);
            assert_eq!(blame(&attempt("sbi"), failure), !own, "fresh: {failure:?}");
            let stale = STALES.contains(&failure);
            assert_eq!(blame(&attempt("srbi"), failure), !own && !stale, "reused: {failure:?}");
            assert_eq!(blame(&attempt("sra"), failure), !own, "in the answer: {failure:?}");
            for (millis, excused) in [(9_999, false), (10_000, true), (180_000, true)] {
                let slow = Progress { silent: Duration::from_millis(millis), ..attempt("sbi") };
                assert_eq!(blame(&slow, failure), !(own || excused && stale), "after {millis} ms: {failure:?}");
            }
        }
    }

    #[test]
    fn what_the_client_is_told() {
        for (failure, status, told, word) in [
            (Failure::AnswerTimeout, 504, "answer-timeout", "timeout"),
            (Failure::Connect(ConnectFailure::Exhausted), 503, "exhausted", "exhausted"),
            (Failure::Connect(ConnectFailure::Refused), 502, "node-refused", "connect"),
            (Failure::Connect(ConnectFailure::Timeout), 504, "connect-timeout", "connect"),
            (Failure::Connect(ConnectFailure::Unreachable), 502, "node-unreachable", "connect"),
            (Failure::Cut, 502, "node-cut", "cut"),
            (Failure::Malformed, 502, "node-malformed", "malformed"),
            (Failure::Pin, 502, "node-pin", "pin"),
            (Failure::Reset, 502, "node-reset", "reset"),
            (Failure::SendFailed, 502, "node-reset", "reset"),
            (Failure::SendTimeout, 504, "send-timeout", "send-timeout"),
            (Failure::Status(500), 503, "no-active-node", "status"),
            (Failure::Tls, 502, "node-tls", "tls"),
        ] {
            let found = (failure.refusal().answer(), failure.word());
            assert_eq!(found, ((status, told), word), "{failure:?}");
        }
    }

    #[test]
    fn a_storm_of_failures_repeats_no_more_than_the_budget() {
        let mut chance = 88_172_645_463_325_252_u64;
        let mut draw = move |below: u64| (xorshift(&mut chance) >> 20) % below;
        for percent in [1, 20, 50, 100] {
            let (budget, retry) = (Budget::new(), config::Retry { budget: percent, tries: 5, ..all() });
            let (mut requests, mut repeated, mut free) = (0_u64, 0, 0);
            for _ in 0..20_000 {
                requests += 1;
                budget.deposit(percent);
                for tries_done in 1.. {
                    let what = ["sbi", "bi"][draw(2) as usize];
                    let failed = Progress { tries_done, ..attempt(what) };
                    let withdraw = || budget.withdraw(percent);
                    let terms = RetryTerms { retry: &retry, non_idempotent: false };
                    if decide(&failed, Failure::Reset, &terms, withdraw) != Next::NextNode {
                        break;
                    }
                    *(if what == "sbi" { &mut repeated } else { &mut free }) += 1;
                }
                let most = u64::from(Budget::MOST) + u64::from(percent) * requests / 100;
                assert!(repeated <= most, "{repeated} of {most} after {requests} requests at {percent} %");
            }
            let most = u64::from(Budget::MOST) + u64::from(percent) * requests / 100;
            assert!(free > 1000 && repeated > 0);
            assert!(percent > 50 || repeated + 1 >= most, "all of it is used: {repeated} of {most}");
        }
    }
}
