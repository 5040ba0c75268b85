//! The last events: state changes, reloads, what operators did. They are kept in memory, up to a bound, for `weir status`;
//! the lasting record is the journal.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::watch;

use super::dates::rfc3339;

/// The kinds of events.
pub const KINDS: [&str; 11] =
    ["certificate", "cluster", "files", "operator", "pool", "reload", "shared", "start", "state", "stop", "upgrade"];

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Counts from 1, without gaps, so that a reader can tell what it has missed. An upgrade counts on.
    pub number: u64,
    /// When, as RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub time: SystemTime,
    /// Its kind, one of [`KINDS`].
    pub kind: &'static str,
    /// What it happened to: `esb-https/worker1`.
    pub subject: String,
    /// What happened, in words.
    pub text: String,
    /// Who did it, and what it is about.
    #[serde(flatten)]
    pub about: About,
}

/// Who did it, and what it is about: each only where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Who ordered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Why, in the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
}

/// A ring of the last events.
#[derive(Debug)]
pub struct Events {
    most: usize,
    ring: Mutex<Ring>,
    pushed: watch::Sender<()>,
}

#[derive(Debug)]
struct Ring {
    /// When this process began, in milliseconds since 1970: its events have it in their ids.
    start: u64,
    /// The same of the process whose events this one has, and the number of the last of them.
    before: Option<(u64, u64)>,
    pushed: u64,
    events: VecDeque<Event>,
}

/// What one process gives the next of its events.
#[derive(Debug, Default)]
pub struct HandedEvents {
    /// When it began, in milliseconds since 1970.
    pub start: u64,
    /// The oldest first.
    pub events: Vec<Event>,
}

impl Events {
    /// Keeps the last `most` events, from now on.
    pub fn new(most: usize, now: SystemTime) -> Self {
        let start = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let start = u64::try_from(start).unwrap_or_default();
        let ring = Ring { start, before: None, pushed: 0, events: VecDeque::new() };
        Self { most, ring: Mutex::new(ring), pushed: watch::Sender::default() }
    }

    /// The id of an event, by its number. That of another process is another one.
    pub fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.ring.lock().start)
    }

    /// The number of the event with this id, if it is of this process or of the one before. What that one told after it had handed its
    /// events over is not here: the last that it handed over stands for it.
    pub fn number_of(&self, id: &str) -> Option<u64> {
        let (start, number) = id.split_once('-')?;
        let (start, number): (u64, u64) = (start.parse().ok()?, number.parse().ok()?);
        let ring = self.ring.lock();
        match ring.before {
            _ if start == ring.start => Some(number),
            Some((before, last)) if start == before => Some(number.min(last)),
            _ => None,
        }
    }

    /// For the process that takes over.
    pub fn hand_over(&self) -> HandedEvents {
        let ring = self.ring.lock();
        HandedEvents { start: ring.start, events: ring.events.iter().cloned().collect() }
    }

    /// Those of the process before come first, and what has happened here counts on from them.
    pub fn go_on_from(&self, handed: HandedEvents) {
        let mut ring = self.ring.lock();
        let Some(last) = handed.events.last().map(|event| event.number) else { return };
        ring.before = Some((handed.start, last));
        ring.pushed += last;
        ring.events.iter_mut().for_each(|event| event.number += last);
        let own = std::mem::replace(&mut ring.events, handed.events.into());
        ring.events.extend(own);
        let over = ring.events.len().saturating_sub(self.most);
        ring.events.drain(..over);
        drop(ring);
        self.pushed.send_replace(());
    }

    /// Adds an event. A text is cut at 1000 characters: it may hold what a node said.
    pub fn push(&self, now: SystemTime, kind: &'static str, subject: &str, text: &str) {
        self.push_about(now, kind, subject, text, About::default());
    }

    /// The same, with who did it and what it is about.
    pub fn push_about(&self, now: SystemTime, kind: &'static str, subject: &str, text: &str, about: About) {
        debug_assert!(KINDS.contains(&kind), "{kind} is not in the list of kinds");
        let text = text.chars().take(MOST_TEXT).collect();
        let mut ring = self.ring.lock();
        ring.pushed += 1;
        let number = ring.pushed;
        ring.events.push_back(Event { number, time: now, kind, subject: subject.to_owned(), text, about });
        if ring.events.len() > self.most {
            ring.events.pop_front();
        }
        drop(ring);
        self.pushed.send_replace(());
    }

    /// Changes whenever an event was added.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.pushed.subscribe()
    }

    /// Those with a higher number, the oldest first.
    pub fn after(&self, number: u64) -> Vec<Event> {
        let ring = self.ring.lock();
        let first = ring.events.partition_point(|event| event.number <= number);
        ring.events.range(first..).cloned().collect()
    }

    /// The last `count` of them, the newest first.
    pub fn recent(&self, count: usize) -> Vec<Event> {
        self.ring.lock().events.iter().rev().take(count).cloned().collect()
    }
}

fn as_text<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

const MOST_TEXT: usize = 1_000;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_newest_come_first_and_the_oldest_are_forgotten() {
        let events = Events::new(3, UNIX_EPOCH);
        assert!(events.recent(10).is_empty());
        for second in 1..=5 {
            events.push(UNIX_EPOCH + Duration::from_secs(second), "state", "esb/worker1", &format!("change {second}"));
        }
        let numbers = |count| events.recent(count).iter().map(|event| event.number).collect::<Vec<_>>();
        assert_eq!(numbers(2), [5, 4]);
        assert_eq!(numbers(10), [5, 4, 3]);
        let after = |number| events.after(number).iter().map(|event| event.number).collect::<Vec<_>>();
        assert_eq!((after(0), after(4), after(5)), (vec![3, 4, 5], vec![5], vec![]));
    }

    #[test]
    fn who_waits_learns_of_each_event() {
        let events = Events::new(3, UNIX_EPOCH);
        let mut changes = events.changes();
        assert!(!changes.has_changed().unwrap());
        events.push(UNIX_EPOCH, "state", "esb/worker1", "passive");
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        events.push(UNIX_EPOCH, "state", "esb/worker1", "active");
        assert!(changes.has_changed().unwrap());
    }

    #[test]
    fn what_the_process_before_handed_over_comes_first() {
        let at = |second| UNIX_EPOCH + Duration::from_secs(second);
        let (before, events) = (Events::new(4, at(1)), Events::new(4, at(2)));
        (1..=3).for_each(|number| before.push(at(number), "state", "esb/worker1", &format!("before {number}")));
        events.push(at(4), "start", "weir", "here");
        events.go_on_from(before.hand_over());
        events.push(at(5), "upgrade", "weir", "took over");
        let told: Vec<_> = events.after(0).into_iter().map(|event| (event.number, event.text)).collect();
        let expected = [(2, "before 2"), (3, "before 3"), (4, "here"), (5, "took over")];
        assert_eq!(told, expected.map(|(number, text)| (number, text.to_owned())));
        // Who had all that was handed over, or what the process before told later, goes on with what is told here.
        before.push(at(5), "upgrade", "weir", "another process serves");
        let number_of = |number| events.number_of(&before.id(number));
        assert_eq!((number_of(2), number_of(3), number_of(4)), (Some(2), Some(3), Some(3)));
        assert_eq!((events.number_of(&events.id(4)), events.number_of("3000-4")), (Some(4), None));
        // Nothing came: nothing changes.
        events.go_on_from(HandedEvents::default());
        assert_eq!((events.recent(1)[0].number, number_of(3)), (5, Some(3)));
    }

    #[test]
    fn an_event_reads_well_in_json() {
        let events = Events::new(1, UNIX_EPOCH);
        events.push(UNIX_EPOCH, "reload", "weir.toml", &"é".repeat(2_000));
        let event = &events.recent(1)[0];
        assert_eq!(event.text.chars().count(), 1_000);
        let short = Event { text: "generation 2".to_owned(), ..event.clone() };
        assert_eq!(
            serde_json::to_string(&short).unwrap(),
            r#"{"number":1,"time":"1970-01-01T00:00:00.000Z","kind":"reload","subject":"weir.toml","text":"generation 2"}"#
        );
    }
}
