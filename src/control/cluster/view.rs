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
use self::saying::Saying;
use super::known::KnownNodes;
use super::member_list::MemberAddress;
use super::told::{Fault, Told};
use super::word::Word;

/// After so many failures in a row a source is told to be silent. One question may stay unanswered while members come and go.
const SILENT_AFTER: u32 = 2;

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
    /// When.
    answered: Option<Instant>,
    /// How often it has answered.
    answers: u64,
    /// Failures in a row.
    failures: u32,
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
        let sayings = sayings(&self.sources, known);
        // While a first question is under way, and while all have failed just once, nothing is known to have changed.
        if sayings.is_empty() && self.sources.iter().any(|source| !source.is_silent()) {
            return Vec::new();
        }
        let is_sure = !self.sources.iter().any(|source| source.failures > 0 && !source.is_silent());
        let mut told: Vec<Told> = self.disputes.look(&sayings, is_sure, known).into_iter().collect();
        let split = self.disputes.is_split();
        if split && !is_sure {
            return told;
        }
        for (index, node) in known.nodes.iter().enumerate() {
            let said = |what: bool| sayings.iter().filter(|saying| saying.says(index) == Some(what)).count();
            let (listed, denied) = (said(true), said(false));
            let record = self.nodes.entry(Arc::clone(&node.name)).or_insert_with(|| NodeRecord::new(now));
            let membership = match (listed, denied) {
                (0, 0) => Membership::Unknown,
                (0, _) => record.outside(node.is_expected()),
                (_, 0) => Membership::Member,
                _ if split => Membership::Split,
                // Some know already what others will know in a moment.
                _ => continue,
            };
            told.extend(record.look(node, membership, now, self.interval * 2));
        }
        told
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
    let all: Vec<Saying<'_>> = sources.iter().filter_map(|source| source.saying(known)).collect();
    let outlived: Vec<bool> = all.iter().map(|saying| saying.is_outlived(&all, known)).collect();
    all.into_iter().zip(outlived).filter(|(_, outlived)| !outlived).map(|(saying, _)| saying).collect()
}

impl SourceState {
    pub(super) const fn new(id: u64, name: Arc<str>, log_of: Option<Arc<str>>) -> Self {
        Self { id, name, log_of, said: None, answered: None, answers: 0, failures: 0, fault: None }
    }

    fn heard(&mut self, answer: Result<Word, Fault>, now: Instant) -> Option<Told> {
        let was_silent = self.is_silent();
        match answer {
            Ok(word) => {
                (self.said, self.answered, self.failures, self.fault) = (Some(word), Some(now), 0, None);
                self.answers += 1;
                was_silent.then(|| self.told(false, "tells of the members again".to_owned()))
            }
            Err(fault) => {
                self.failures = self.failures.saturating_add(1);
                self.fault = Some(fault);
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
        self.failures >= SILENT_AFTER
    }

    /// What it says now. An old word says nothing: its node may have died.
    fn said_now(&self) -> Option<&Word> {
        self.said.as_ref().filter(|_| self.failures == 0)
    }

    fn saying(&self, known: &KnownNodes) -> Option<Saying<'_>> {
        let word = self.said_now()?;
        Some(Saying::new((self.id, &self.name, self.answers), word, self.log_of.as_deref(), known))
    }

    /// The members that it names, while it answers.
    pub(crate) fn members(&self) -> Option<&[MemberAddress]> {
        self.said_now().map(|word| &*word.members)
    }

    /// Since its last answer.
    pub(crate) fn answered_for(&self, now: Instant) -> Option<Duration> {
        self.answered.map(|answered| now.saturating_duration_since(answered))
    }

    /// Why it says nothing, and what would be right.
    pub(crate) fn problem(&self) -> Option<String> {
        self.fault.as_ref().map(Fault::in_words)
    }
}

#[cfg(test)]
mod tests;
