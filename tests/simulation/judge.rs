//! What was seen, and what of it may not be.

use super::nodes::Mood;
use super::script::NODES;
use crate::traffic::pool::operators::Command;

/// How long after a node was bad others may still be preferred: its longest ejection, and two rounds of probes.
const RECOVERY: u64 = 25_000;

/// How soon probes notice: `patience`, and three rounds, each a tenth late and at its limit of time.
const NOTICED: u64 = 4000 + 3 * (1100 + 500) + 500;

/// How long what was noticed or ordered may meet what was on its way.
const MOMENT: u64 = 100;

pub(super) enum Seen {
    Mood(usize, Mood),
    /// Drain and maintain: from now on. Activate: it may come from now on.
    Ordered(usize, Command),
    /// Whether the configuration has the node: it may from now on, or does not from now on.
    There(usize, bool),
    /// A node got this request.
    Asked {
        node: usize,
        mood: Mood,
        number: u64,
    },
    Answered(Asked),
    Stop,
    /// What the configuration says, in a word.
    Balanced(&'static str),
    Wrong(String),
}

/// A request, as its client saw it.
pub(super) struct Asked {
    pub(super) number: u64,
    pub(super) posts: bool,
    /// The node that its session is from.
    pub(super) home: Option<usize>,
    pub(super) began: u64,
    /// On a connection that an earlier request had.
    pub(super) reused: bool,
    pub(super) came: Came,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Answer {
        status: u16,
        node: Option<String>,
    },
    /// Another answer than that to this request, or a changed one.
    Other,
    Cut,
    Closed,
    Refused,
    Late,
}

impl Asked {
    pub(super) fn is_well(&self) -> bool {
        matches!(self.came, Came::Answer { status: 200, .. })
    }
}

#[derive(Default)]
pub(super) struct Judge(Vec<(u64, Seen)>);

impl Judge {
    pub(super) fn saw(&mut self, at: u64, seen: Seen) {
        self.0.push((at, seen));
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter().filter_map(|(_, seen)| match seen {
            Seen::Answered(asked) => Some(asked),
            _ => None,
        })
    }

    /// All in order, for who looks at one seed.
    pub(super) fn tell(&self) {
        for (at, seen) in &self.0 {
            match seen {
                Seen::Mood(node, mood) => println!("{at} n{node} {mood:?}"),
                Seen::Ordered(node, command) => println!("{at} n{node} {command:?}"),
                Seen::There(node, there) => println!("{at} n{node} there: {there}"),
                Seen::Asked { node, mood, number } => println!("{at} n{node} ({mood:?}) got {number}"),
                Seen::Answered(asked) => println!(
                    "{at} client {} {}{} home {:?} began {} reused {}: {:?}",
                    asked.number % 100,
                    if asked.posts { "POST " } else { "GET " },
                    asked.number,
                    asked.home,
                    asked.began,
                    asked.reused,
                    asked.came
                ),
                Seen::Stop => println!("{at} stop"),
                Seen::Balanced(how) => println!("{at} {how}"),
                Seen::Wrong(what) => println!("{at} {what}"),
            }
        }
    }

    /// What may not be.
    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (at, seen) in &self.0 {
            match seen {
                Seen::Answered(asked) => wrong.extend(self.wrong_with(asked, *at)),
                Seen::Asked { node, mood, number } if mood.is_noticed() => {
                    let from = at.saturating_sub(NOTICED);
                    if self.is_noticed_since(*node, from, *at) && self.somebody_serves(from, *at) {
                        wrong.push(format!("at {at} n{node} got {number}, {mood:?} for long"));
                    }
                }
                Seen::Wrong(what) => wrong.push(what.clone()),
                _ => {}
            }
        }
        wrong.extend(self.idle_nodes());
        wrong
    }

    fn wrong_with(&self, asked: &Asked, at: u64) -> Option<String> {
        let (number, began) = (asked.number, asked.began);
        let told = |what: &str| {
            Some(format!(
                "request {number} ({began} to {at}, {}, reused {}): {what}",
                if asked.posts { "POST" } else { "GET" },
                asked.reused
            ))
        };
        let stopped = self.0.iter().any(|(since, seen)| matches!(seen, Seen::Stop) && began + MOMENT >= *since);
        match &asked.came {
            Came::Other => return told("another answer, or a changed one"),
            // While a socket closes, the kernel drops who begins to connect, who tries again by the clock of the machine.
            Came::Late if stopped && !asked.reused => return None,
            Came::Late => return told("no answer"),
            Came::Closed | Came::Refused if !stopped => return told(&format!("{:?}", asked.came)),
            Came::Closed | Came::Refused => return None,
            Came::Cut if !(0..NODES).any(|node| self.was(node, Mood::is_cutting, began, at)) => return told("cut"),
            Came::Cut => return None,
            Came::Answer { status: 200, .. } => {}
            Came::Answer { node: Some(_), .. }
                if (0..NODES).any(|node| self.was(node, Mood::is_failing, began, at)) =>
            {
                return None;
            }
            Came::Answer { status, node } => {
                let bad = (0..NODES).any(|node| self.was(node, Mood::is_bad, began.saturating_sub(MOMENT), at));
                let may_fail =
                    node.is_none() && (!self.somebody_serves(began.saturating_sub(RECOVERY), at) || asked.posts && bad);
                return if may_fail { None } else { told(&format!("status {status}, from {node:?}")) };
            }
        }
        let Came::Answer { node: Some(node), .. } = &asked.came else { return told("from nobody") };
        let node: usize = node.parse().unwrap_or(NODES);
        if self.is_out_throughout(node, began, at) {
            return told(&format!("at n{node}, which was ordered out, or not there"));
        }
        match asked.home {
            None if self.drains_throughout(node, began, at) => told(&format!("new at n{node}, which drains")),
            Some(home) if home != node && !self.may_leave(home, began, at) => {
                told(&format!("its session is at n{home}, and n{node} answered"))
            }
            _ => None,
        }
    }

    /// Whether one node is well and in its place all the time.
    fn somebody_serves(&self, from: u64, to: u64) -> bool {
        (0..NODES).any(|node| {
            !self.was(node, Mood::is_bad, from, to)
                && self.standing(node, from, to).all(|standing| standing == Standing::Serves)
        })
    }

    /// Whether a session of this node may be elsewhere.
    fn may_leave(&self, node: usize, from: u64, to: u64) -> bool {
        self.was(node, Mood::is_bad, from.saturating_sub(RECOVERY), to)
            || self.standing(node, from.saturating_sub(RECOVERY), to).any(|standing| standing == Standing::Out)
    }

    fn is_out_throughout(&self, node: usize, from: u64, to: u64) -> bool {
        self.standing(node, from, to).all(|standing| standing == Standing::Out)
    }

    fn drains_throughout(&self, node: usize, from: u64, to: u64) -> bool {
        self.standing(node, from, to).all(|standing| standing != Standing::Serves)
    }

    /// Whether a mood of this kind was on at some time between these.
    fn was(&self, node: usize, kind: fn(Mood) -> bool, from: u64, to: u64) -> bool {
        self.moods(node, from, to).any(kind)
    }

    fn is_noticed_since(&self, node: usize, from: u64, to: u64) -> bool {
        self.moods(node, from, to).all(Mood::is_noticed)
    }

    /// The moods of the node between these times.
    fn moods(&self, node: usize, from: u64, to: u64) -> impl Iterator<Item = Mood> {
        let changes = self.0.iter().filter_map(move |(at, seen)| match seen {
            Seen::Mood(of, mood) if *of == node => Some((*at, *mood)),
            _ => None,
        });
        at_some_time(changes, Mood::Well, from, to)
    }

    /// What orders and configuration said of the node between these times.
    fn standing(&self, node: usize, from: u64, to: u64) -> impl Iterator<Item = Standing> {
        let (mut order, mut there) = (Standing::Serves, true);
        let changes = self.0.iter().filter_map(move |(at, seen)| {
            match seen {
                Seen::Ordered(of, Command::Drain { .. }) if *of == node => order = Standing::Drains,
                Seen::Ordered(of, Command::Maintain) if *of == node => order = Standing::Out,
                Seen::Ordered(of, Command::Activate) if *of == node => order = Standing::Serves,
                Seen::There(of, is) if *of == node => there = *is,
                _ => return None,
            }
            Some((*at, if there { order } else { Standing::Out }))
        });
        at_some_time(changes, Standing::Serves, from, to)
    }

    /// After all was well for long, each node has its share.
    fn idle_nodes(&self) -> Vec<String> {
        let stop = self.0.iter().find(|(_, seen)| matches!(seen, Seen::Stop)).map_or(0, |(at, _)| *at);
        let (from, to) = (stop.saturating_sub(50_000), stop.saturating_sub(12_000));
        let asked = |node: usize| {
            let got = |(at, seen): &&(u64, Seen)| {
                (from..to).contains(at) && matches!(seen, Seen::Asked { node: of, .. } if *of == node)
            };
            self.0.iter().filter(got).count()
        };
        let idle = (0..NODES).filter(|node| asked(*node) == 0);
        idle.map(|node| format!("n{node} had no request at the end, when all was well")).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Serves,
    Drains,
    Out,
}

impl Mood {
    fn is_bad(self) -> bool {
        self != Self::Well
    }

    fn is_cutting(self) -> bool {
        self == Self::Cuts
    }

    fn is_failing(self) -> bool {
        self == Self::Fails
    }
}

/// What was so at some time between these, with what was so just before.
fn at_some_time<T: Copy>(
    changes: impl Iterator<Item = (u64, T)>,
    first: T,
    from: u64,
    to: u64,
) -> impl Iterator<Item = T> {
    let (mut before, mut between) = (first, Vec::new());
    for (at, what) in changes {
        if at < from {
            before = what;
        } else if at <= to + MOMENT {
            between.push(what);
        }
    }
    std::iter::once(before).chain(between)
}
