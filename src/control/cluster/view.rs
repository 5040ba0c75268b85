//! What follows from what the members say, and from how the probes go: who is in the cluster, who is not, and whether the
//! members disagree. It only looks: time comes in, and what changed goes out as sentences.

mod dispute;
mod node;
mod saying;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::dispute::Disputes;
use self::node::NodeRecord;
pub(crate) use self::node::{Membership, NodeInCluster};
use self::saying::{Hearing, Saying};
use super::known::KnownNodes;
use super::member_list::MemberAddress;
use super::told::{Fault, Told};
use super::word::Word;

/// For so many intervals a node and its probes must say the opposite until it is told: a node that stops leaves the cluster at
/// once, and its probes fail a little later.
const CONFLICT_LASTS: u32 = 2;
/// For so many intervals two members must contradict each other until it counts. One that starts names itself alone until it has
/// joined, for which Hazelcast waits up to 20 s; halves of a cluster do not come together before 300 s.
const SPLIT_LASTS: u32 = 6;

/// What is known of the cluster.
#[derive(Debug)]
pub(crate) struct ClusterState {
    interval: Duration,
    sources: Vec<SourceState>,
    nodes: BTreeMap<Arc<str>, NodeRecord>,
    disputes: Disputes,
}

/// What one source said.
#[derive(Debug)]
pub(crate) struct SourceState {
    id: u64,
    /// As it is written in the configuration.
    pub(crate) name: Arc<str>,
    /// The node whose log it is; none for a member that is asked.
    pub(crate) log_of: Option<Arc<str>>,
    /// What it said last.
    said: Option<Word>,
    hearing: Hearing,
    fault: Option<Fault>,
}

impl ClusterState {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, sources: Vec::new(), nodes: BTreeMap::new(), disputes: Disputes::default() }
    }

    /// These are the sources now, with their numbers. What was said by one that is still there counts on.
    pub(super) fn follow(&mut self, interval: Duration, sources: Vec<SourceState>) {
        self.interval = interval;
        let mut before = std::mem::take(&mut self.sources);
        for source in sources {
            let known = before.iter().position(|known| known.id == source.id).map(|place| before.swap_remove(place));
            self.sources.push(known.unwrap_or(source));
        }
    }

    /// A source has answered, or not.
    pub(super) fn heard(
        &mut self,
        id: u64,
        answer: Result<Word, Fault>,
        known: &KnownNodes,
        now: Instant,
    ) -> Vec<Told> {
        let Some(source) = self.sources.iter_mut().find(|source| source.id == id) else { return Vec::new() };
        let mut told: Vec<Told> = source.heard(answer, now).into_iter().collect();
        told.extend(self.look(known, now));
        told
    }

    /// Looks anew: also without a word of a source time passes, and probes go on.
    pub(super) fn look(&mut self, known: &KnownNodes, now: Instant) -> Vec<Told> {
        self.nodes.retain(|name, _| known.nodes.iter().any(|node| node.name == *name));
        let mut sayings = sayings(&self.sources, known);
        if self.must_wait(sayings.is_empty()) {
            return Vec::new();
        }
        let (fresh, hold) = (sayings.len(), self.interval * SPLIT_LASTS);
        let old = self.sources.iter().filter(|source| !source.hearing.is_fresh());
        let old = old.filter_map(|source| source.saying(known));
        sayings.extend(old.filter(|saying| saying.still_stands(known, now, hold)));
        let mut told: Vec<Told> = self.disputes.look(&sayings, known, now, hold).into_iter().collect();
        let split = self.disputes.is_split();
        if !split {
            sayings.truncate(fresh);
        }
        for (index, node) in known.nodes.iter().enumerate() {
            let said = |what: bool| sayings.iter().filter(|saying| saying.says(index) == Some(what)).count();
            let (listed, denied) = (said(true), said(false));
            let record = self.nodes.entry(Arc::clone(&node.name)).or_insert_with(|| NodeRecord::new(now));
            let membership = match (listed, denied) {
                (0, 0) => Some(Membership::Unknown),
                (0, _) => Some(record.outside(node.is_expected())),
                (_, 0) => Some(Membership::Member),
                _ if split => Some(Membership::Split),
                // Some know already what others will know in a moment.
                _ => None,
            };
            told.extend(record.look(node, membership, now, self.interval * CONFLICT_LASTS));
        }
        told
    }

    /// While a first question is under way, and while all have failed just once, nothing is known to have changed. Nor has a split
    /// ended while one that was not heard yet may be its other half.
    fn must_wait(&self, nobody_answers: bool) -> bool {
        let split = self.disputes.is_split();
        let unheard = |source: &SourceState| nobody_answers || split && source.said.is_none();
        self.sources.iter().any(|source| !source.is_silent() && unheard(source))
    }

    /// The sources.
    pub(crate) fn sources(&self) -> &[SourceState] {
        &self.sources
    }

    /// A node's place in the cluster; none where nothing was ever said of it.
    pub(crate) fn node(&self, name: &str, now: Instant) -> Option<NodeInCluster> {
        self.nodes.get(name)?.told(now)
    }

    /// The nodes of which something is known.
    pub(crate) fn nodes(&self, now: Instant) -> impl Iterator<Item = (&str, NodeInCluster)> {
        self.nodes.iter().filter_map(move |(name, record)| Some((&**name, record.told(now)?)))
    }

    /// Who sees whom, where the members disagree.
    pub(crate) fn split(&self) -> Option<&str> {
        self.disputes.in_words()
    }

    /// Members that are no node of the configuration.
    pub(crate) fn strangers(&self, known: &KnownNodes) -> Vec<MemberAddress> {
        let sayings = sayings(&self.sources, known);
        let all = sayings.iter().flat_map(|saying| &saying.word.members);
        let mut strangers: Vec<MemberAddress> = all.filter(|member| known.who(member).is_none()).cloned().collect();
        strangers.sort();
        strangers.dedup();
        strangers
    }
}

/// What counts of what is said. The log of a node that died keeps its last word, which counts no more.
fn sayings<'s>(sources: &'s [SourceState], known: &KnownNodes) -> Vec<Saying<'s>> {
    let fresh = sources.iter().filter(|source| source.hearing.is_fresh());
    let all: Vec<Saying<'_>> = fresh.filter_map(|source| source.saying(known)).collect();
    let outlived: Vec<bool> = all.iter().map(|saying| saying.is_outlived(&all, known)).collect();
    all.into_iter().zip(outlived).filter(|(_, outlived)| !outlived).map(|(saying, _)| saying).collect()
}

impl SourceState {
    pub(super) fn new(id: u64, name: Arc<str>, log_of: Option<Arc<str>>) -> Self {
        Self { id, name, log_of, said: None, hearing: Hearing::default(), fault: None }
    }

    fn heard(&mut self, answer: Result<Word, Fault>, now: Instant) -> Option<Told> {
        let was_silent = self.is_silent();
        match answer {
            Ok(word) => {
                (self.said, self.fault) = (Some(word), None);
                self.hearing.answers(now);
                was_silent.then(|| self.told(false, "tells of the members again".to_owned()))
            }
            Err(fault) => {
                self.fault = Some(fault);
                self.hearing.fails(now);
                (self.is_silent() && !was_silent).then(|| {
                    self.told(true, format!("says nothing of the members: {}", self.problem().unwrap_or_default()))
                })
            }
        }
    }

    fn told(&self, is_warning: bool, text: String) -> Told {
        Told { is_warning, subject: Arc::clone(&self.name), is_node: false, text }
    }

    /// Whether it has said nothing for so long that this is told.
    pub(crate) const fn is_silent(&self) -> bool {
        self.hearing.is_silent()
    }

    fn saying(&self, known: &KnownNodes) -> Option<Saying<'_>> {
        let word = self.said.as_ref()?;
        Some(Saying::new((self.id, &self.name, self.hearing), word, self.log_of.as_deref(), known))
    }

    /// The members that it names, while it answers.
    pub(crate) fn members(&self) -> Option<&[MemberAddress]> {
        self.said.as_ref().filter(|_| self.hearing.is_fresh()).map(|word| &*word.members)
    }

    /// Since its last answer.
    pub(crate) fn answered_for(&self, now: Instant) -> Option<Duration> {
        self.hearing.answered.map(|answered| now.saturating_duration_since(answered))
    }

    /// Why it says nothing, and what would be right.
    pub(crate) fn problem(&self) -> Option<String> {
        self.fault.as_ref().map(Fault::in_words)
    }
}

#[cfg(test)]
mod tests;
