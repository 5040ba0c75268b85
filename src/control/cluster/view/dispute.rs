//! Whether the members disagree about who is in the cluster. While one joins or leaves they do for a moment, and one that starts
//! names itself alone until it has joined: it counts when two of them have contradicted each other for a while.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::known::KnownNodes;
use super::super::member_list::MemberAddress;
use super::super::told::Told;
use super::super::word::Word;
use super::saying::Saying;

/// The most names in a sentence, and the most members that two sources are watched for.
const NAMED: usize = 8;

/// The disagreements that are there.
#[derive(Debug, Default)]
pub(super) struct Disputes {
    /// By the numbers of the two sources, the smaller one first.
    pairs: BTreeMap<(u64, u64), Contradiction>,
    /// From when one of them counts, until all who answer agree.
    split: Option<Split>,
}

/// One source names members that another one does not.
#[derive(Debug)]
struct Contradiction {
    /// Some of these members. Who is only named now and then is soon none of them.
    over: Vec<MemberAddress>,
    began: Instant,
    /// Whether it has lasted.
    counts: bool,
}

#[derive(Debug, Default)]
struct Split {
    /// The numbers of the sources that were of one mind when this was last told.
    sides: Vec<Vec<u64>>,
    /// Who saw whom then.
    told: String,
    /// Who sees whom now.
    words: String,
}

impl Disputes {
    pub(super) const fn is_split(&self) -> bool {
        self.split.is_some()
    }

    pub(super) fn in_words(&self) -> Option<&str> {
        self.split.as_ref().map(|split| &*split.words)
    }

    /// What lasts for `hold` counts.
    pub(super) fn look(
        &mut self,
        sayings: &[Saying<'_>],
        known: &KnownNodes,
        now: Instant,
        hold: Duration,
    ) -> Option<Told> {
        let sayings: Vec<&Saying<'_>> = sayings.iter().filter(|saying| saying.word.is_whole).collect();
        let has_grown = self.follow(&sayings, now, hold);
        if !self.pairs.values().any(|pair| pair.counts) {
            return self.split.take_if(|_| self.pairs.is_empty()).map(|_| told(false, is_over(&sayings, known)));
        }
        let words = in_words(&sayings, known);
        let before = self.split.get_or_insert_default();
        before.words.clone_from(&words);
        if !has_grown {
            return None;
        }
        // Who comes or goes on one side does not make another split.
        let over = self.pairs.values().filter(|pair| pair.counts).flat_map(|pair| &pair.over).collect();
        let sides = sides(&sayings, &over);
        let is_known = before.told == words || before.has(&sides);
        before.sides = sides;
        if is_known {
            return None;
        }
        before.told.clone_from(&words);
        Some(told(true, words))
    }

    /// Compares all sources with each other, and tells whether one more contradiction counts. Of a source that does not answer
    /// nothing new is believed.
    fn follow(&mut self, sayings: &[&Saying<'_>], now: Instant, hold: Duration) -> bool {
        let lists = different_lists(sayings);
        let placed: Vec<_> =
            sayings.iter().map(|saying| (*saying, lists.binary_search(&ordered(saying.word)))).collect();
        let mut before = std::mem::take(&mut self.pairs);
        let mut has_grown = false;
        for (index, (one, list)) in placed.iter().enumerate() {
            for (other, others) in placed.iter().skip(index + 1) {
                let key = (one.id.min(other.id), one.id.max(other.id));
                let was = before.remove(&key);
                let counted = was.as_ref().is_some_and(|was| was.counts);
                let pair = match one.hearing.is_fresh() && other.hearing.is_fresh() {
                    false => was.filter(|_| counted || !(one.hearing.is_silent() || other.hearing.is_silent())),
                    true if list == others => None,
                    true => was
                        .and_then(|was| was.lasts(one, other, now, hold))
                        .or_else(|| Contradiction::new(one, other, now)),
                };
                has_grown |= pair.as_ref().is_some_and(|pair| pair.counts && !counted);
                self.pairs.extend(pair.map(|pair| (key, pair)));
            }
        }
        has_grown
    }
}

impl Contradiction {
    fn new(one: &Saying<'_>, other: &Saying<'_>, now: Instant) -> Option<Self> {
        let names = |saying: &Saying<'_>| saying.word.members.iter().cloned().collect::<HashSet<_>>();
        let mut over: Vec<MemberAddress> = names(one).symmetric_difference(&names(other)).cloned().collect();
        // Halves of a cluster do not name each other's members that are asked, whoever else comes and goes.
        let own = |member: &MemberAddress| [one, other].iter().any(|saying| saying.word.own.as_ref() == Some(member));
        over.sort_by(|a, b| own(b).cmp(&own(a)).then_with(|| a.cmp(b)));
        over.truncate(NAMED);
        (!over.is_empty()).then_some(Self { over, began: now, counts: false })
    }

    /// Both answer, and differ.
    fn lasts(mut self, one: &Saying<'_>, other: &Saying<'_>, now: Instant, hold: Duration) -> Option<Self> {
        self.over.retain(|member| one.word.members.contains(member) != other.word.members.contains(member));
        let again = |saying: &Saying<'_>| saying.hearing.before_last.is_some_and(|said| said > self.began);
        self.counts |= again(one) && again(other) && now.saturating_duration_since(self.began) >= hold;
        (!self.over.is_empty()).then_some(self)
    }
}

impl Split {
    /// Whether these are the same sides, without those who are silent, and with those who have joined one.
    fn has(&self, sides: &[Vec<u64>]) -> bool {
        let side_of = |source: &u64| self.sides.iter().position(|side| side.contains(source));
        let mut seen = HashSet::new();
        sides.iter().all(|side| {
            let from: BTreeSet<usize> = side.iter().filter_map(side_of).collect();
            from.len() == 1 && from.iter().all(|from| seen.insert(*from))
        })
    }
}

/// Those who name the same ones of these members are of one mind.
fn sides(sayings: &[&Saying<'_>], over: &BTreeSet<&MemberAddress>) -> Vec<Vec<u64>> {
    let mut sides: BTreeMap<Vec<&MemberAddress>, Vec<u64>> = BTreeMap::new();
    for saying in sayings {
        let named = over.iter().filter(|member| saying.word.members.contains(member)).copied().collect();
        sides.entry(named).or_default().push(saying.id);
    }
    sides.into_values().collect()
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
