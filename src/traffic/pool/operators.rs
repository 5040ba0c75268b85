//! Operators' orders for nodes: drain, maintain. They are kept as text over a restart. An order holds until another one
//! replaces it; a reload does not end it. This also decides when a drain is over, and changes no node or file itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::orders_file::{self, OrdersFile, Unreadable, WrittenNode, WrittenOrder};
use crate::traffic::moment::Moment;

/// All orders, by node name. A node with an order may be gone from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders(BTreeMap<String, Order>);

/// An operator's order for one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// What the node is to do.
    pub kind: OrderKind,
    /// When it was given, in Unix seconds, because it outlives the process and its clock.
    pub since: u64,
}

/// What a node does under an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// It serves its sessions, and nothing new.
    Drain {
        /// When the remaining sessions move to other nodes, in milliseconds since the machine's start.
        deadline: Option<u64>,
    },
    /// It serves nothing: by an operator's command, or because its drain is over.
    Maintain,
}

/// An operator's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve only the present sessions, then nothing.
    Drain {
        /// How long that may take. `None`: the earlier deadline stays, or there is none.
        within: Option<Duration>,
    },
    /// Serve nothing from now on.
    Maintain,
    /// Serve again, if probes and traffic allow it.
    Activate,
}

/// What one pool still has at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Its sessions there.
    pub sessions: LiveSessions,
    /// Its running requests there.
    pub in_flight: u32,
}

/// What is known of a pool's sessions at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveSessions {
    /// Their number: the pool has a session table, or no sessions at all.
    Counted(usize),
    /// The client's cookie names the node, so a session is seen only when it is used.
    Unseen {
        /// The time since the last request to the node, or since the process start.
        quiet: Duration,
        /// After this time without a request, all sessions count as gone.
        idle: Duration,
    },
}

/// The progress of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// It is not over.
    WaitQueue,
    /// No session and no request is left.
    SessionsGone,
    /// The deadline has passed; the remaining sessions move.
    DeadlineOver,
}

/// The progress of a node's drain, by what its pools still have there. Other orders are never over.
pub fn drained(order: &Order, left: impl IntoIterator<Item = Remaining>, now: Moment) -> Drained {
    match order.kind {
        OrderKind::Maintain => Drained::WaitQueue,
        OrderKind::Drain { .. } if left.into_iter().all(Remaining::is_nothing) => Drained::SessionsGone,
        OrderKind::Drain { deadline: Some(deadline) } if deadline <= now.up => Drained::DeadlineOver,
        OrderKind::Drain { .. } => Drained::WaitQueue,
    }
}

impl Remaining {
    /// Whether it has nothing any more.
    pub fn is_nothing(self) -> bool {
        self.in_flight == 0 && self.sessions.are_gone()
    }
}

impl LiveSessions {
    fn are_gone(self) -> bool {
        match self {
            Self::Counted(sessions) => sessions == 0,
            Self::Unseen { quiet, idle } => quiet >= idle,
        }
    }
}

impl Orders {
    /// The order for a node.
    pub fn of(&self, node: &str) -> Option<&Order> {
        self.0.get(node)
    }

    /// All orders, by node name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Order)> {
        self.0.iter().map(|(node, order)| (node.as_str(), order))
    }

    /// Sets the order for a node, or removes it.
    pub fn set(&mut self, node: &str, order: Option<Order>) {
        match order {
            Some(order) => _ = self.0.insert(node.to_owned(), order),
            None => _ = self.0.remove(node),
        }
    }

    /// Carries out a command; true if the orders changed. A node in maintenance stays there when it is told to drain,
    /// because it may be stopped already. A new deadline replaces the old one, and the time of the order stays. A
    /// second drain without a deadline changes nothing.
    pub fn apply(&mut self, node: &str, command: Command, now: Moment) -> bool {
        let before = self.of(node).copied();
        let after = match (command, before) {
            (Command::Activate, _) => None,
            (Command::Maintain | Command::Drain { .. }, Some(rests @ Order { kind: OrderKind::Maintain, .. })) => {
                Some(rests)
            }
            (Command::Maintain, _) => Some(Order::rest(now)),
            (Command::Drain { within }, before) => {
                let deadline = match within {
                    Some(within) => Some(now.up.saturating_add(millis(within))),
                    None => before.and_then(|before| before.kind.deadline()),
                };
                Some(Order {
                    kind: OrderKind::Drain { deadline },
                    since: before.map_or(now.seconds(), |before| before.since),
                })
            }
        };
        self.set(node, after);
        before != after
    }

    /// Ends the drains that are over, and returns their nodes. `left` gives what the pools still have at a node;
    /// nothing for a node that is in no pool.
    pub fn end_drains<L: IntoIterator<Item = Remaining>>(
        &mut self,
        now: Moment,
        left: impl Fn(&str) -> L,
    ) -> Vec<(String, Drained)> {
        let mut over = Vec::new();
        for (node, order) in &mut self.0 {
            let how = drained(order, left(node), now);
            if how != Drained::WaitQueue {
                *order = Order::rest(now);
                over.push((node.clone(), how));
            }
        }
        over
    }

    /// Nodes that have an order and are not in the configuration.
    pub fn unknown_nodes(&self, known: impl Fn(&str) -> bool) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|node| !known(node)).collect()
    }

    /// The text for the disk. `boot` identifies this boot of the machine.
    pub fn to_text(&self, now: Moment, boot: &str) -> String {
        orders_file::to_text(OrdersFile { nodes: self.written(now, boot), ..OrdersFile::default() })
    }

    /// As they are written.
    pub fn written(&self, now: Moment, boot: &str) -> BTreeMap<String, WrittenNode> {
        let written = |order: &Order| WrittenNode { order: order.written(now, boot), operation: None };
        self.0.iter().map(|(node, order)| (node.clone(), written(order))).collect()
    }

    /// From what is written.
    pub fn of_written(nodes: &BTreeMap<String, WrittenNode>, now: Moment, boot: &str) -> Self {
        let read = |written: &WrittenNode| Order::read(written.order.clone(), now, boot);
        Self(nodes.iter().map(|(node, written)| (node.clone(), read(written))).collect())
    }

    /// Reads what is on disk, or says what is wrong with it.
    pub fn from_bytes(bytes: &[u8], now: Moment, boot: &str) -> Result<Self, Unreadable> {
        Ok(Self::of_written(&orders_file::from_bytes(bytes)?.nodes, now, boot))
    }
}

impl Order {
    const fn rest(now: Moment) -> Self {
        Self { kind: OrderKind::Maintain, since: now.seconds() }
    }
}

impl OrderKind {
    /// Its word in the file and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Drain { .. } => "drain",
            Self::Maintain => "maintain",
        }
    }

    /// The deadline of a drain in Unix seconds, by the present wall clock.
    pub fn ends(self, now: Moment) -> Option<u64> {
        self.deadline().map(|deadline| now.of_wall(deadline))
    }

    const fn deadline(self) -> Option<u64> {
        match self {
            Self::Drain { deadline } => deadline,
            Self::Maintain => None,
        }
    }
}

impl Order {
    /// As other machines are told of it: by the wall clock alone.
    pub fn for_others(self, now: Moment) -> WrittenOrder {
        match self.written(now, "") {
            WrittenOrder::Drain { since, deadline, .. } => {
                WrittenOrder::Drain { since, deadline, deadline_up: None, boot: None }
            }
            rests @ WrittenOrder::Maintain { .. } => rests,
        }
    }

    /// Of what another machine tells. A drain takes no longer than it was to take there, whatever the clocks say.
    pub fn of_others(written: WrittenOrder, now: Moment) -> Self {
        Self::read(written, now, "")
    }

    fn written(self, now: Moment, boot: &str) -> WrittenOrder {
        let since = self.since;
        match self.kind {
            OrderKind::Drain { deadline } => WrittenOrder::Drain {
                since,
                deadline: self.kind.ends(now),
                deadline_up: deadline,
                boot: deadline.map(|_| boot.to_owned()),
            },
            OrderKind::Maintain => WrittenOrder::Maintain { since },
        }
    }

    fn read(written: WrittenOrder, now: Moment, this_boot: &str) -> Self {
        match written {
            WrittenOrder::Drain { since, deadline, deadline_up, boot } => {
                let measured = deadline_up.filter(|_| boot.is_some_and(|boot| !boot.is_empty() && boot == this_boot));
                let deadline = measured.or_else(|| Some(after_a_boot(deadline?, since, now)));
                Self { kind: OrderKind::Drain { deadline }, since }
            }
            WrittenOrder::Maintain { since } => Self { kind: OrderKind::Maintain, since },
        }
    }
}

/// After a reboot only the wall clock tells how long the machine was off. If it was set back, the drain starts again,
/// but takes no longer than at first.
fn after_a_boot(deadline: u64, since: u64, now: Moment) -> u64 {
    let left = deadline.saturating_sub(now.seconds()).min(deadline.saturating_sub(since));
    now.up.saturating_add(left.saturating_mul(1000))
}

/// Rounded up, so that a deadline never comes early.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::xorshift::xorshift;

    const SINCE: u64 = 1_795_348_800;
    /// The machine has run for an hour.
    const NOW: Moment = Moment { unix: SINCE * 1000, up: UP };
    const UP: u64 = 3_600_000;
    const REST: Order = Order { kind: OrderKind::Maintain, since: SINCE };
    const BOOT: &str = "7f3e";

    fn drain(deadline: Option<u64>) -> Order {
        Order { kind: OrderKind::Drain { deadline }, since: SINCE }
    }

    fn text_of(orders: &Orders) -> String {
        orders.to_text(NOW, BOOT)
    }

    fn read(text: &str) -> Result<Orders, Unreadable> {
        Orders::from_bytes(text.as_bytes(), NOW, BOOT)
    }

    /// The same moment after the wall clock was set.
    fn set(now: Moment, days: i64) -> Moment {
        Moment { unix: now.unix.saturating_add_signed(days * 86_400_000), ..now }
    }

    fn later(now: Moment, seconds: u64) -> Moment {
        Moment { unix: now.unix + seconds * 1000, up: now.up + seconds * 1000 }
    }

    fn counted(sessions: usize, in_flight: u32) -> Remaining {
        Remaining { sessions: LiveSessions::Counted(sessions), in_flight }
    }

    fn unseen(quiet: u64, in_flight: u32) -> Remaining {
        let (quiet, idle) = (Duration::from_secs(quiet), Duration::from_secs(2100));
        Remaining { sessions: LiveSessions::Unseen { quiet, idle }, in_flight }
    }

    #[test]
    fn a_drain_is_over_when_nothing_is_left_or_its_time_is_up() {
        use Drained::{DeadlineOver, SessionsGone, WaitQueue};
        let cases: [(Option<u64>, &[Remaining], Drained); 16] = [
            (None, &[], SessionsGone),
            (None, &[counted(0, 0)], SessionsGone),
            (None, &[counted(1, 0)], WaitQueue),
            (None, &[counted(0, 1)], WaitQueue),
            (None, &[counted(0, 0), counted(0, 0)], SessionsGone),
            (None, &[counted(0, 0), counted(1, 0)], WaitQueue),
            (None, &[counted(0, 1), counted(0, 0)], WaitQueue),
            (None, &[unseen(2100, 0)], SessionsGone),
            (None, &[unseen(2099, 0)], WaitQueue),
            (None, &[unseen(9999, 1)], WaitQueue),
            (None, &[counted(0, 0), unseen(0, 0)], WaitQueue),
            (Some(UP + 1), &[counted(1, 0)], WaitQueue),
            (Some(UP), &[counted(1, 0)], DeadlineOver),
            (Some(UP - 1), &[unseen(0, 3)], DeadlineOver),
            (Some(UP - 1), &[counted(0, 0)], SessionsGone),
            (Some(UP + 1), &[counted(0, 0)], SessionsGone),
        ];
        for (deadline, left, expected) in cases {
            for days in [0, 400, -400] {
                let seen = drained(&drain(deadline), left.iter().copied(), set(NOW, days));
                assert_eq!(seen, expected, "{deadline:?} {left:?}, {days} days off");
            }
        }
        assert_eq!(drained(&REST, [counted(0, 0)], Moment { unix: u64::MAX, up: u64::MAX }), WaitQueue);
    }

    #[test]
    fn what_an_operator_wants_becomes_a_word() {
        let within = |seconds| Command::Drain { within: Some(Duration::from_secs(seconds)) };
        let (forever, later) = (Command::Drain { within: None }, later(NOW, 100));
        let begun = |deadline| Some(Order { kind: OrderKind::Drain { deadline }, since: SINCE + 100 });
        let rests = Some(Order { kind: OrderKind::Maintain, since: SINCE + 100 });
        let cases = [
            (None, forever, begun(None)),
            (None, within(60), begun(Some(later.up + 60_000))),
            (None, within(u64::MAX), begun(Some(u64::MAX))),
            (None, Command::Drain { within: Some(Duration::from_millis(1)) }, begun(Some(later.up + 1))),
            (None, Command::Maintain, rests),
            (None, Command::Activate, None),
            (Some(drain(None)), forever, Some(drain(None))),
            (Some(drain(None)), within(60), Some(drain(Some(later.up + 60_000)))),
            (Some(drain(Some(UP + 5))), forever, Some(drain(Some(UP + 5)))),
            (Some(drain(Some(UP + 5))), within(60), Some(drain(Some(later.up + 60_000)))),
            (Some(drain(None)), Command::Maintain, rests),
            (Some(drain(None)), Command::Activate, None),
            (Some(REST), forever, Some(REST)),
            (Some(REST), Command::Maintain, Some(REST)),
            (Some(REST), Command::Activate, None),
        ];
        for (before, command, after) in cases {
            let mut orders = Orders::default();
            orders.set("worker1", before);
            orders.set("worker2", Some(REST));
            assert_eq!(orders.apply("worker1", command, later), before != after, "{before:?} {command:?}");
            assert_eq!(orders.of("worker1").copied(), after, "{before:?} {command:?}");
            assert_eq!(orders.of("worker2"), Some(&REST));
        }
    }

    #[test]
    fn drains_that_are_over_become_rest() {
        let mut orders = Orders::default();
        orders.set("busy", Some(drain(None)));
        orders.set("empty", Some(drain(None)));
        orders.set("late", Some(drain(Some(UP))));
        orders.set("rests", Some(Order { kind: OrderKind::Maintain, since: 1 }));
        let left = |node: &str| [counted(usize::from(node != "empty"), 0)];
        let over = orders.end_drains(NOW, left);
        assert_eq!(over, [("empty".into(), Drained::SessionsGone), ("late".into(), Drained::DeadlineOver)]);
        let told: Vec<_> = orders.iter().map(|(node, order)| (node, order.kind.word(), order.since)).collect();
        let expected = [
            ("busy", "drain", SINCE),
            ("empty", "maintain", SINCE),
            ("late", "maintain", SINCE),
            ("rests", "maintain", 1),
        ];
        assert_eq!(told, expected);
        assert_eq!(orders.end_drains(NOW, left), []);
    }

    #[test]
    fn unknown_nodes_are_those_the_file_does_not_know() {
        let mut orders = Orders::default();
        for node in ["worker2", "worker1", "gone"] {
            orders.set(node, Some(REST));
        }
        assert_eq!(orders.unknown_nodes(|node| node.starts_with("worker")), ["gone"]);
        assert_eq!(orders.unknown_nodes(|_| true), [""; 0]);
    }

    #[test]
    fn words_come_back_from_their_text() {
        let mut orders = Orders::default();
        assert_eq!(read(&text_of(&orders)), Ok(orders.clone()));
        let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = || xorshift(&mut chance);
        for _ in 0..300 {
            let kind = match draw() % 3 {
                0 => OrderKind::Maintain,
                1 => OrderKind::Drain { deadline: None },
                _ => OrderKind::Drain { deadline: Some(draw()) },
            };
            let order = (draw() % 4 > 0).then(|| Order { kind, since: draw() });
            let name = ["worker1", "a\"b\\", "ü\n", "", "w.2"][(draw() % 5) as usize];
            orders.set(name, order);
            assert_eq!(read(&text_of(&orders)), Ok(orders.clone()));
        }
    }

    #[test]
    fn a_deadline_is_kept_over_a_restart_whatever_the_wall_clock_says() {
        let mut orders = Orders::default();
        orders.set("w", Some(drain(Some(UP + 7_200_000))));
        let text = text_of(&orders);
        let left = |now: Moment, boot: &str| {
            let orders = Orders::from_bytes(text.as_bytes(), now, boot).unwrap();
            let deadline = orders.of("w").and_then(|order| order.kind.deadline()).unwrap();
            deadline.saturating_sub(now.up) / 1000
        };
        let hour = later(NOW, 3600);
        for days in [0, 400, -400] {
            assert_eq!(left(set(hour, days), BOOT), 3600, "{days} days off");
        }
        // The machine was rebooted ten seconds ago.
        let anew = |now: Moment| Moment { up: 10_000, ..now };
        assert_eq!((left(anew(hour), "other"), left(anew(hour), "")), (3600, 3600));
        assert_eq!(left(anew(set(hour, 400)), "other"), 0, "nothing else tells how long it was off");
        assert_eq!(left(anew(set(hour, -400)), "other"), 7200, "no longer than it was meant to take");
    }

    #[test]
    fn a_deadline_is_told_by_the_wall_clock_as_it_goes_now() {
        let kind = drain(Some(UP + 60_000)).kind;
        let told = |now| kind.ends(now).unwrap();
        assert_eq!((told(NOW), told(later(NOW, 20)), told(later(NOW, 70))), (SINCE + 60, SINCE + 60, SINCE + 60));
        assert_eq!(told(set(later(NOW, 20), 400)), SINCE + 60 + 400 * 86_400);
        assert_eq!(REST.kind.ends(NOW), None);
    }

    #[test]
    fn a_text_of_another_making_is_refused_in_words() {
        let good = [
            r#"{"version":1,"nodes":{}}"#,
            r#"{"nodes":{"a":{"since":5,"order":"maintain"}},"version":1,"note":"x"}"#,
            r#"{"version":1,"nodes":{"a":{"order":"drain","since":5,"deadline":null}}}"#,
        ];
        for text in good {
            assert!(read(text).is_ok(), "{text}: {:?}", read(text));
        }
        let cases = [
            ("", "damaged"),
            ("\0\0\0", "damaged"),
            ("[]", "damaged"),
            ("null", "damaged"),
            ("{}", "version"),
            (r#"{"version":"1","nodes":{}}"#, "damaged"),
            (r#"{"version":0,"nodes":{}}"#, "damaged: nobody writes version 0"),
            (r#"{"version":1}"#, "nodes"),
            (r#"{"version":1,"nodes":{"a":{}}}"#, "order"),
            (r#"{"version":1,"nodes":{"a":{"order":"nap","since":5}}}"#, "nap"),
            (r#"{"version":1,"nodes":{"a":{"order":"drain"}}}"#, "since"),
            (r#"{"version":1,"nodes":{"a":{"order":"drain","since":-5}}}"#, "damaged"),
            (r#"{"version":1,"nodes":{}}{}"#, "damaged"),
        ];
        for (text, part) in cases {
            let damaged = |why: Unreadable| matches!(why, Unreadable::Damaged(_)) && why.to_string().contains(part);
            assert!(read(text).is_err_and(damaged), "{text}: {:?}", read(text));
        }
        for text in [r#"{"version":2}"#, r#"{"version":2,"nodes":[7],"more":{}}"#] {
            assert_eq!(read(text), Err(Unreadable::Later(2)), "{text}");
        }
        let deep = "[".repeat(1 << 20);
        assert!(read(&deep).is_err());
    }

    #[test]
    fn no_cut_or_flipped_text_passes_for_another_or_panics() {
        let mut orders = Orders::default();
        orders.set("worker1", Some(drain(Some(UP + 60))));
        orders.set("worker2", Some(REST));
        let text = text_of(&orders);
        for end in 0..text.trim_end().len() {
            assert!(read(&text[..end]).is_err(), "{}", &text[..end]);
        }
        for position in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[position] ^= 1 << bit;
                // Digits and names may change; whatever is read can be written again.
                if let Ok(taken) = String::from_utf8(bytes).map_err(drop).and_then(|t| read(&t).map_err(drop)) {
                    assert_eq!(read(&text_of(&taken)), Ok(taken));
                }
            }
        }
    }
}
