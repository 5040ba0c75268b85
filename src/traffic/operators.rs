//! What operators said of nodes: drain, maintain. Kept as text over a restart; a word holds until another one replaces
//! it, and no reload undoes it. Decides when a drain is over; never touches a node or a file itself.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which text this Weir writes and reads.
const VERSION: u64 = 1;

/// All words, by the node's name. The file may have forgotten a node that an operator still holds a word about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(BTreeMap<String, Word>);

/// What an operator said of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it is to do.
    pub order: Order,
    /// Since when, in Unix seconds: it outlives the process, and so its clock.
    pub since: u64,
}

/// What a node under an operator's word does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It serves the sessions it has, and nothing new.
    Drain {
        /// When the rest is rebound, in Unix seconds.
        deadline: Option<u64>,
    },
    /// It serves nothing: an operator said so, or its drain is over.
    Maintain,
}

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Finish its sessions, then rest.
    Drain {
        /// How long that may take; `None`: as long as was said before, or as it needs.
        within: Option<Duration>,
    },
    /// Rest at once.
    Maintain,
    /// Serve, as far as probes and traffic let it.
    Activate,
}

/// What one pool still has on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its sessions there.
    pub sessions: Live,
    /// Its requests that the node is answering.
    pub in_flight: u32,
}

/// How much is known of a pool's sessions on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// The pool keeps a table, or binds nothing at all.
    Counted(usize),
    /// The client's cookie alone tells the node, so that only use shows a session.
    Unseen {
        /// Since the last request to the node; since the process began where none was seen.
        quiet: Duration,
        /// After this long without a request a session counts as gone.
        idle: Duration,
    },
}

/// How far a drain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// It goes on.
    Waiting,
    /// No session is left, and no request.
    SessionsGone,
    /// What is left is rebound.
    DeadlineOver,
}

/// How far a node's drain is, by what its pools still have there. A word that is no drain is never over.
pub fn drained(word: &Word, left: impl IntoIterator<Item = Left>, now: u64) -> Drained {
    match word.order {
        Order::Maintain => Drained::Waiting,
        Order::Drain { .. } if left.into_iter().all(Left::is_nothing) => Drained::SessionsGone,
        Order::Drain { deadline: Some(deadline) } if deadline <= now => Drained::DeadlineOver,
        Order::Drain { .. } => Drained::Waiting,
    }
}

impl Left {
    fn is_nothing(self) -> bool {
        self.in_flight == 0 && self.sessions.are_gone()
    }
}

impl Live {
    fn are_gone(self) -> bool {
        match self {
            Self::Counted(sessions) => sessions == 0,
            Self::Unseen { quiet, idle } => quiet >= idle,
        }
    }
}

impl Words {
    /// The word that a node is under.
    pub fn of(&self, node: &str) -> Option<&Word> {
        self.0.get(node)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Word)> {
        self.0.iter().map(|(node, word)| (node.as_str(), word))
    }

    /// Sets a node's word, or takes it away.
    pub fn say(&mut self, node: &str, word: Option<Word>) {
        match word {
            Some(word) => _ = self.0.insert(node.to_owned(), word),
            None => _ = self.0.remove(node),
        }
    }

    /// Does what an operator wants, and tells whether anything changed. A node that rests stays at rest when it is told
    /// to drain: somebody may have stopped it already. A new deadline replaces the old one, and the drain's begin stays.
    /// Who says drain again without a deadline only waits on.
    pub fn wish(&mut self, node: &str, wish: Wish, now: u64) -> bool {
        let before = self.of(node).copied();
        let after = match (wish, before) {
            (Wish::Activate, _) => None,
            (Wish::Maintain | Wish::Drain { .. }, Some(rests @ Word { order: Order::Maintain, .. })) => Some(rests),
            (Wish::Maintain, _) => Some(Word::rest(now)),
            (Wish::Drain { within }, before) => {
                let deadline = match within {
                    Some(within) => Some(now.saturating_add(whole_seconds(within))),
                    None => before.and_then(|before| before.order.deadline()),
                };
                Some(Word { order: Order::Drain { deadline }, since: before.map_or(now, |before| before.since) })
            }
        };
        self.say(node, after);
        before != after
    }

    /// Ends the drains that are over, and names their nodes. `left` tells what the pools still have on a node; nothing,
    /// for a node that no pool has.
    pub fn end_drains<L: IntoIterator<Item = Left>>(
        &mut self,
        now: u64,
        left: impl Fn(&str) -> L,
    ) -> Vec<(String, Drained)> {
        let mut over = Vec::new();
        for (node, word) in &mut self.0 {
            let how = drained(word, left(node), now);
            if how != Drained::Waiting {
                *word = Word::rest(now);
                over.push((node.clone(), how));
            }
        }
        over
    }

    /// Nodes under a word that the file does not know.
    pub fn strangers(&self, known: impl Fn(&str) -> bool) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|node| !known(node)).collect()
    }

    /// As it is kept on disk: JSON, since an operator may want to read it.
    pub fn to_text(&self) -> String {
        let nodes = self.0.iter().map(|(node, word)| (node.clone(), Written::from(*word))).collect();
        // Names, words and numbers always have a JSON form.
        serde_json::to_string_pretty(&Text { version: VERSION, nodes }).unwrap_or_default() + "\n"
    }

    /// What was kept, or what is wrong with the text.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let damaged = |error: serde_json::Error| format!("it is damaged: {error}");
        // The version first: what a later one writes may look different in everything else.
        match serde_json::from_str::<Versioned>(text).map_err(damaged)?.version {
            VERSION => {}
            other => return Err(format!("it has the version {other}, and this Weir reads version {VERSION}")),
        }
        let text: Text = serde_json::from_str(text).map_err(damaged)?;
        Ok(Self(text.nodes.into_iter().map(|(node, written)| (node, written.into())).collect()))
    }
}

impl Word {
    const fn rest(now: u64) -> Self {
        Self { order: Order::Maintain, since: now }
    }
}

impl Order {
    /// As the file and the API call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Drain { .. } => "drain",
            Self::Maintain => "maintain",
        }
    }

    /// When a drain ends at the latest, in Unix seconds.
    pub const fn deadline(self) -> Option<u64> {
        match self {
            Self::Drain { deadline } => deadline,
            Self::Maintain => None,
        }
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct Text {
    version: u64,
    nodes: BTreeMap<String, Written>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "lowercase")]
enum Written {
    Drain {
        since: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<u64>,
    },
    Maintain {
        since: u64,
    },
}

impl From<Word> for Written {
    fn from(Word { order, since }: Word) -> Self {
        match order {
            Order::Drain { deadline } => Self::Drain { since, deadline },
            Order::Maintain => Self::Maintain { since },
        }
    }
}

impl From<Written> for Word {
    fn from(written: Written) -> Self {
        match written {
            Written::Drain { since, deadline } => Self { order: Order::Drain { deadline }, since },
            Written::Maintain { since } => Self { order: Order::Maintain, since },
        }
    }
}

/// Rounded up: half a second is no deadline that is over already.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_348_800;
    const REST: Word = Word { order: Order::Maintain, since: NOW };

    fn drain(deadline: Option<u64>) -> Word {
        Word { order: Order::Drain { deadline }, since: NOW }
    }

    fn counted(sessions: usize, in_flight: u32) -> Left {
        Left { sessions: Live::Counted(sessions), in_flight }
    }

    fn unseen(quiet: u64, in_flight: u32) -> Left {
        let (quiet, idle) = (Duration::from_secs(quiet), Duration::from_secs(2100));
        Left { sessions: Live::Unseen { quiet, idle }, in_flight }
    }

    #[test]
    fn a_drain_is_over_when_nothing_is_left_or_its_time_is_up() {
        use Drained::{DeadlineOver, SessionsGone, Waiting};
        let cases: [(Option<u64>, &[Left], Drained); 16] = [
            (None, &[], SessionsGone),
            (None, &[counted(0, 0)], SessionsGone),
            (None, &[counted(1, 0)], Waiting),
            (None, &[counted(0, 1)], Waiting),
            (None, &[counted(0, 0), counted(0, 0)], SessionsGone),
            (None, &[counted(0, 0), counted(1, 0)], Waiting),
            (None, &[counted(0, 1), counted(0, 0)], Waiting),
            (None, &[unseen(2100, 0)], SessionsGone),
            (None, &[unseen(2099, 0)], Waiting),
            (None, &[unseen(9999, 1)], Waiting),
            (None, &[counted(0, 0), unseen(0, 0)], Waiting),
            (Some(NOW + 1), &[counted(1, 0)], Waiting),
            (Some(NOW), &[counted(1, 0)], DeadlineOver),
            (Some(NOW - 1), &[unseen(0, 3)], DeadlineOver),
            (Some(NOW - 1), &[counted(0, 0)], SessionsGone),
            (Some(NOW + 1), &[counted(0, 0)], SessionsGone),
        ];
        for (deadline, left, expected) in cases {
            assert_eq!(drained(&drain(deadline), left.iter().copied(), NOW), expected, "{deadline:?} {left:?}");
        }
        assert_eq!(drained(&REST, [counted(0, 0)], u64::MAX), Waiting);
    }

    #[test]
    fn what_an_operator_wants_becomes_a_word() {
        let within = |seconds| Wish::Drain { within: Some(Duration::from_secs(seconds)) };
        let (forever, later) = (Wish::Drain { within: None }, NOW + 100);
        let begun = |deadline| Some(Word { order: Order::Drain { deadline }, since: later });
        let cases = [
            (None, forever, begun(None)),
            (None, within(60), begun(Some(later + 60))),
            (None, within(u64::MAX), begun(Some(u64::MAX))),
            (None, Wish::Drain { within: Some(Duration::from_millis(1)) }, begun(Some(later + 1))),
            (None, Wish::Maintain, Some(Word { order: Order::Maintain, since: later })),
            (None, Wish::Activate, None),
            (Some(drain(None)), forever, Some(drain(None))),
            (Some(drain(None)), within(60), Some(drain(Some(later + 60)))),
            (Some(drain(Some(NOW + 5))), forever, Some(drain(Some(NOW + 5)))),
            (Some(drain(Some(NOW + 5))), within(60), Some(drain(Some(later + 60)))),
            (Some(drain(None)), Wish::Maintain, Some(Word { order: Order::Maintain, since: later })),
            (Some(drain(None)), Wish::Activate, None),
            (Some(REST), forever, Some(REST)),
            (Some(REST), Wish::Maintain, Some(REST)),
            (Some(REST), Wish::Activate, None),
        ];
        for (before, wish, after) in cases {
            let mut words = Words::default();
            words.say("worker1", before);
            words.say("worker2", Some(REST));
            assert_eq!(words.wish("worker1", wish, later), before != after, "{before:?} {wish:?}");
            assert_eq!(words.of("worker1").copied(), after, "{before:?} {wish:?}");
            assert_eq!(words.of("worker2"), Some(&REST));
        }
    }

    #[test]
    fn drains_that_are_over_become_rest() {
        let mut words = Words::default();
        words.say("busy", Some(drain(None)));
        words.say("empty", Some(drain(None)));
        words.say("late", Some(drain(Some(NOW))));
        words.say("rests", Some(Word { order: Order::Maintain, since: 1 }));
        let left = |node: &str| [counted(usize::from(node != "empty"), 0)];
        let over = words.end_drains(NOW, left);
        assert_eq!(over, [("empty".into(), Drained::SessionsGone), ("late".into(), Drained::DeadlineOver)]);
        let orders: Vec<_> = words.iter().map(|(node, word)| (node, word.order.word(), word.since)).collect();
        let expected =
            [("busy", "drain", NOW), ("empty", "maintain", NOW), ("late", "maintain", NOW), ("rests", "maintain", 1)];
        assert_eq!(orders, expected);
        assert_eq!(words.end_drains(NOW, left), []);
    }

    #[test]
    fn strangers_are_those_the_file_does_not_know() {
        let mut words = Words::default();
        for node in ["worker2", "worker1", "gone"] {
            words.say(node, Some(REST));
        }
        assert_eq!(words.strangers(|node| node.starts_with("worker")), ["gone"]);
        assert_eq!(words.strangers(|_| true), [""; 0]);
    }

    #[test]
    fn words_come_back_from_their_text() {
        let mut words = Words::default();
        assert_eq!(Words::from_text(&words.to_text()), Ok(words.clone()));
        let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance
        };
        for _ in 0..300 {
            let order = match draw() % 3 {
                0 => Order::Maintain,
                1 => Order::Drain { deadline: None },
                _ => Order::Drain { deadline: Some(draw()) },
            };
            let word = (draw() % 4 > 0).then(|| Word { order, since: draw() });
            let name = ["worker1", "a\"b\\", "ü\n", "", "w.2"][(draw() % 5) as usize];
            words.say(name, word);
            assert_eq!(Words::from_text(&words.to_text()), Ok(words.clone()));
        }
    }

    #[test]
    fn a_text_of_another_making_is_refused_in_words() {
        let good = [
            r#"{"version":1,"nodes":{}}"#,
            r#"{"nodes":{"a":{"since":5,"order":"maintain"}},"version":1,"note":"x"}"#,
            r#"{"version":1,"nodes":{"a":{"order":"drain","since":5,"deadline":null}}}"#,
        ];
        for text in good {
            assert!(Words::from_text(text).is_ok(), "{text}: {:?}", Words::from_text(text));
        }
        let cases = [
            ("", "damaged"),
            ("\0\0\0", "damaged"),
            ("[]", "damaged"),
            ("null", "damaged"),
            ("{}", "version"),
            (r#"{"version":"1","nodes":{}}"#, "damaged"),
            (r#"{"version":2}"#, "the version 2"),
            (r#"{"version":0,"nodes":{}}"#, "the version 0"),
            (r#"{"version":1}"#, "nodes"),
            (r#"{"version":1,"nodes":{"a":{}}}"#, "order"),
            (r#"{"version":1,"nodes":{"a":{"order":"nap","since":5}}}"#, "nap"),
            (r#"{"version":1,"nodes":{"a":{"order":"drain"}}}"#, "since"),
            (r#"{"version":1,"nodes":{"a":{"order":"drain","since":-5}}}"#, "damaged"),
            (r#"{"version":1,"nodes":{}}{}"#, "damaged"),
        ];
        for (text, part) in cases {
            assert!(
                Words::from_text(text).is_err_and(|why| why.contains(part)),
                "{text}: {:?}",
                Words::from_text(text)
            );
        }
        let deep = "[".repeat(1 << 20);
        assert!(Words::from_text(&deep).is_err());
    }

    #[test]
    fn no_cut_or_flipped_text_passes_for_another_or_panics() {
        let mut words = Words::default();
        words.say("worker1", Some(drain(Some(NOW + 60))));
        words.say("worker2", Some(REST));
        let text = words.to_text();
        for end in 0..text.trim_end().len() {
            assert!(Words::from_text(&text[..end]).is_err(), "{}", &text[..end]);
        }
        for place in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                // Digits and names may become others; whatever is read has a text of its own again.
                if let Ok(read) =
                    String::from_utf8(bytes).map_err(drop).and_then(|t| Words::from_text(&t).map_err(drop))
                {
                    assert_eq!(Words::from_text(&read.to_text()), Ok(read));
                }
            }
        }
    }
}
