//! One node: whether it is in the cluster, since when, and whether its probes say the opposite.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::known::{KnownNode, Probes};
use super::super::told::Told;
use crate::control::outages::in_words;

/// What the members say of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// None of them has ever named it, and it should be there.
    Absent,
    /// It was there, and none of them names it any more.
    Left,
    /// All of them name it.
    Member,
    /// None has ever named it, and nobody said that it should be there.
    Outside,
    /// Some name it, others do not.
    Split,
    /// Nobody says anything.
    Unknown,
}

impl Membership {
    /// The word in tables and in the API.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Left => "left",
            Self::Member => "member",
            Self::Outside => "outside",
            Self::Split => "split",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is in no list where it should be.
    pub(crate) const fn is_out(self) -> bool {
        matches!(self, Self::Absent | Self::Left)
    }
}

/// A node's place in the cluster, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeInCluster {
    pub(crate) membership: Membership,
    pub(crate) since: Duration,
    /// What does not fit, in words.
    pub(crate) remark: Option<String>,
    /// Whether it has not fitted for so long that it was told.
    pub(crate) is_told: bool,
}

/// What is known of a node.
#[derive(Debug)]
pub(super) struct NodeRecord {
    membership: Option<Membership>,
    since: Instant,
    /// What it was before nobody said anything, and since when.
    before: Option<(Membership, Instant)>,
    probes: Probes,
    conflict: Option<Conflict>,
}

/// Members and probes say the opposite.
#[derive(Debug)]
struct Conflict {
    is_member: bool,
    since: Instant,
    is_told: bool,
}

impl NodeRecord {
    pub(super) const fn new(now: Instant) -> Self {
        Self { membership: None, since: now, before: None, probes: Probes::Undecided, conflict: None }
    }

    /// What it is where nobody names it.
    pub(super) fn outside(&self, is_expected: bool) -> Membership {
        match self.membership.filter(|last| *last != Membership::Unknown).or(self.before.map(|before| before.0)) {
            Some(Membership::Member | Membership::Split | Membership::Left) => Membership::Left,
            _ if is_expected => Membership::Absent,
            _ => Membership::Outside,
        }
    }

    /// Notes what the members say of it and how its probes go. What lasts for `hold` is told, where both say the opposite. While
    /// it is not clear what they say (`None`) it stays what it was: then nothing begins, and what no longer fits ends.
    pub(super) fn look(
        &mut self,
        node: &KnownNode,
        membership: Option<Membership>,
        now: Instant,
        hold: Duration,
    ) -> Vec<Told> {
        let turned = membership.and_then(|membership| self.turn(membership, now));
        let mut told: Vec<(bool, String)> = turned.into_iter().collect();
        self.probes = node.probes.clone();
        told.extend(self.compare(now, if membership.is_some() { hold } else { Duration::MAX }));
        let one = |(is_warning, text)| Told { is_warning, subject: Arc::clone(&node.name), is_node: true, text };
        told.into_iter().map(one).collect()
    }

    fn turn(&mut self, to: Membership, now: Instant) -> Option<(bool, String)> {
        let from = self.membership.replace(to);
        if from == Some(to) {
            return None;
        }
        // A silence in between is no change.
        let last = match from {
            Some(Membership::Unknown) => self.before,
            from => from.map(|from| (from, self.since)),
        };
        if to == Membership::Unknown {
            self.before = last;
        }
        let (last, began) = last.unzip();
        let lasted = in_words(now.saturating_duration_since(began.unwrap_or(now)));
        self.since = began.filter(|_| last == Some(to)).unwrap_or(now);
        if last == Some(to) {
            return None;
        }
        match (last, to) {
            (_, Membership::Unknown | Membership::Outside | Membership::Split) => None,
            (_, Membership::Left) => Some((false, "left the cluster".to_owned())),
            (_, Membership::Absent) => Some((false, "is not in the cluster".to_owned())),
            (Some(Membership::Left), Membership::Member) => {
                Some((false, format!("is in the cluster again, after {lasted}")))
            }
            (Some(Membership::Absent | Membership::Outside), Membership::Member) => {
                Some((false, "joined the cluster".to_owned()))
            }
            (_, Membership::Member) => None,
        }
    }

    fn compare(&mut self, now: Instant, hold: Duration) -> Option<(bool, String)> {
        let is_member = match (self.membership?, &self.probes) {
            (membership, Probes::Pass) if membership.is_out() => Some(false),
            (Membership::Member, Probes::Fail(_)) => Some(true),
            _ => None,
        };
        let same = self.conflict.as_ref().is_some_and(|conflict| Some(conflict.is_member) == is_member);
        if !same {
            let before = std::mem::replace(
                &mut self.conflict,
                is_member.map(|is_member| Conflict { is_member, since: now, is_told: false }),
            );
            return before.filter(|conflict| conflict.is_told).and_then(|conflict| self.is_over(conflict.is_member));
        }
        let conflict = self.conflict.as_mut()?;
        if conflict.is_told || now.saturating_duration_since(conflict.since) < hold {
            return None;
        }
        conflict.is_told = true;
        self.remark(now).map(|remark| (true, remark))
    }

    /// What fits again.
    fn is_over(&self, was_member: bool) -> Option<(bool, String)> {
        let text = match (was_member, self.membership?, &self.probes) {
            (true, Membership::Member, Probes::Pass) => "is in the cluster, and its probes pass again",
            (false, out, Probes::Fail(_)) if out.is_out() => "is not in the cluster, and now its probes fail too",
            // That it came back, or left, is told already; and what an operator orders is told by the order.
            _ => return None,
        };
        Some((false, text.to_owned()))
    }

    /// What does not fit: `left the cluster 12.0 s ago but answers its probes`.
    fn remark(&self, now: Instant) -> Option<String> {
        let conflict = self.conflict.as_ref()?;
        let ago = in_words(now.saturating_duration_since(self.since));
        let lasts = in_words(now.saturating_duration_since(conflict.since));
        Some(match (self.membership?, &self.probes) {
            (Membership::Left, _) => format!("left the cluster {ago} ago but answers its probes"),
            (Membership::Absent, _) => format!("is not in the cluster but answers its probes, for {lasts}"),
            (_, Probes::Fail(seen)) if !seen.is_empty() => {
                format!("is in the cluster but fails its probes, for {lasts} ({seen})")
            }
            _ => format!("is in the cluster but fails its probes, for {lasts}"),
        })
    }

    pub(super) fn told(&self, now: Instant) -> Option<NodeInCluster> {
        let membership = self.membership?;
        let since = now.saturating_duration_since(self.since);
        let is_told = self.conflict.as_ref().is_some_and(|conflict| conflict.is_told);
        Some(NodeInCluster { membership, since, remark: self.remark(now), is_told })
    }
}
