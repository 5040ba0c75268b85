//! Whether the members disagree about who is in the cluster. While one joins or leaves they do for a moment: it counts when all
//! of them have said the same twice more.

use std::sync::Arc;

use super::super::known::KnownNodes;
use super::super::member_list::MemberAddress;
use super::super::told::Told;
use super::super::word::Word;
use super::saying::Saying;

/// How often each must say the same again.
const ROUNDS: u64 = 2;
/// The most names in a sentence.
const NAMED: usize = 8;

/// The disagreement that is there, if there is one.
#[derive(Debug, Default)]
pub(super) struct Disputes {
    seen: Option<Dispute>,
}

#[derive(Debug)]
struct Dispute {
    /// The lists that differ, each ordered, and in order.
    lists: Vec<Vec<MemberAddress>>,
    /// How often each source had answered when it began.
    began: Vec<(u64, u64)>,
    /// Whether all have said the same often enough.
    counts: bool,
    /// Who sees whom, since it counts; until then, what was told before.
    words: Option<String>,
}

impl Disputes {
    pub(super) fn is_split(&self) -> bool {
        self.in_words().is_some()
    }

    pub(super) fn in_words(&self) -> Option<&str> {
        self.seen.as_ref()?.words.as_deref()
    }

    /// `is_sure`: no source has just failed for the first time.
    pub(super) fn look(&mut self, sayings: &[Saying<'_>], is_sure: bool, known: &KnownNodes) -> Option<Told> {
        let sayings: Vec<&Saying<'_>> = sayings.iter().filter(|saying| saying.word.is_whole).collect();
        let lists = different_lists(&sayings);
        if lists.len() < 2 && !is_sure {
            return None;
        }
        if lists.len() < 2 {
            return self
                .seen
                .take()
                .filter(|dispute| dispute.words.is_some())
                .map(|_| told(false, is_over(&sayings, known)));
        }
        let answers = |saying: &&Saying<'_>| (saying.id, saying.answers);
        let same = self.seen.as_ref().is_some_and(|dispute| dispute.lists == lists);
        if !same {
            // Who joins one half of a split cluster does not end it.
            let words = self.seen.take().and_then(|dispute| dispute.words);
            let began = sayings.iter().map(answers).collect();
            self.seen = Some(Dispute { lists, began, counts: false, words });
            return None;
        }
        let dispute = self.seen.as_mut()?;
        let since = |saying: &Saying<'_>| dispute.began.iter().find(|(id, _)| *id == saying.id).map_or(0, |one| one.1);
        let again = sayings.iter().all(|saying| saying.answers >= since(saying) + ROUNDS);
        if dispute.counts || !again {
            return None;
        }
        dispute.counts = true;
        let words = in_words(&sayings, known);
        let before = dispute.words.replace(words.clone());
        (before.as_ref() != Some(&words)).then(|| told(true, words))
    }
}

fn told(is_warning: bool, text: String) -> Told {
    Told { is_warning, subject: "cluster".into(), is_node: false, text }
}

fn ordered(word: &Word) -> Vec<MemberAddress> {
    let mut members = word.members.clone();
    members.sort();
    members
}

fn different_lists(sayings: &[&Saying<'_>]) -> Vec<Vec<MemberAddress>> {
    let mut lists: Vec<_> = sayings.iter().map(|saying| ordered(saying.word)).collect();
    lists.sort();
    lists.dedup();
    lists
}

/// `the members disagree (split brain): manager and worker1 see manager, worker1; worker2 sees itself alone`.
fn in_words(sayings: &[&Saying<'_>], known: &KnownNodes) -> String {
    let group = |list: Vec<MemberAddress>| {
        let who: Vec<&&Saying<'_>> = sayings.iter().filter(|saying| ordered(saying.word) == list).collect();
        let names: Vec<Arc<str>> = who.iter().map(|saying| name_of(saying, known)).collect();
        let sees = if names.len() == 1 { "sees" } else { "see" };
        let whom = match (&who[..], &list[..]) {
            (_, []) => "nobody".to_owned(),
            ([one], [member]) if one.word.own.as_ref() == Some(member) => "itself alone".to_owned(),
            _ => listed(list.iter().map(|member| known.name_of(member)), ", "),
        };
        format!("{} {sees} {whom}", listed(names.into_iter(), " and "))
    };
    let groups: Vec<String> = different_lists(sayings).into_iter().take(NAMED).map(group).collect();
    format!("the members disagree (split brain): {}", groups.join("; "))
}

fn is_over(sayings: &[&Saying<'_>], known: &KnownNodes) -> String {
    match sayings.first() {
        None => "no member says any more who is in the cluster, which was split".to_owned(),
        Some(first) => {
            let members = listed(ordered(first.word).iter().map(|member| known.name_of(member)), ", ");
            format!("the members that answer agree again: {members}")
        }
    }
}

/// The node that says so, or else the source.
fn name_of(saying: &Saying<'_>, known: &KnownNodes) -> Arc<str> {
    match (saying.owner, &saying.word.own) {
        (Some(node), _) => Arc::clone(&known.nodes[node].name),
        (None, Some(own)) => known.name_of(own),
        (None, None) => Arc::clone(saying.source),
    }
}

fn listed(names: impl ExactSizeIterator<Item = Arc<str>>, between: &str) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut listed = names.take(NAMED).collect::<Vec<_>>().join(between);
    if more > 0 {
        listed += &format!(" and {more} more");
    }
    listed
}
