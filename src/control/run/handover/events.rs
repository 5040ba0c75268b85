//! What one process tells the next of its last events, so that whoever asks for them sees no beginning.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::observe::events::{About, Event, Events, HandedEvents, KINDS};

/// The events of the process before; earlier versions tell of none.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Told {
    start: u64,
    events: Vec<ToldEvent>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ToldEvent {
    number: u64,
    /// Since 1970.
    at_ms: u64,
    kind: String,
    subject: String,
    text: String,
    #[serde(flatten)]
    about: About,
}

/// All that are kept.
pub(super) fn told(events: &Events) -> Told {
    let HandedEvents { start, events } = events.hand_over();
    Told { start, events: events.into_iter().map(ToldEvent::of).collect() }
}

/// Goes on from them. A kind that only a later version has is passed over, and the last event keeps its number.
pub(super) fn go_on(events: &Events, told: Told) {
    let Some(last) = told.events.last().map(|event| event.number) else { return };
    let mut known: Vec<Event> = told.events.into_iter().filter_map(ToldEvent::known).collect();
    for (event, number) in known.iter_mut().rev().zip((1..=last).rev()) {
        event.number = number;
    }
    events.go_on_from(HandedEvents { start: told.start, events: known });
}

impl ToldEvent {
    fn of(event: Event) -> Self {
        let Event { number, time, kind, subject, text, about } = event;
        let at_ms = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self { number, at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX), kind: kind.to_owned(), subject, text, about }
    }

    fn known(self) -> Option<Event> {
        let Self { number, at_ms, kind, subject, text, about } = self;
        let kind = KINDS.into_iter().find(|known| *known == kind)?;
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(at_ms))?;
        Some(Event { number, time, kind, subject, text, about })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_over_as_they_were_and_unknown_kinds_leave_no_gap() {
        let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
        let before = Events::new(10, at(5));
        before.push(at(1_001), "state", "esb/worker1", "is passive");
        let about = About { actor: Some("root".into()), node: Some("worker2".into()), ..About::default() };
        before.push_about(at(2_002), "operator", "worker2", "drain", about);
        before.push(at(3_003), "reload", "weir.toml", "generation 2");
        let over = |told: &str| {
            let after = Events::new(10, at(6));
            go_on(&after, serde_json::from_str(told).unwrap());
            after.after(0)
        };
        let text = serde_json::to_string(&told(&before)).unwrap();
        assert_eq!(over(&text), before.after(0));
        let later = over(&text.replace(r#""kind":"operator""#, r#""kind":"of later""#));
        let told: Vec<_> = later.iter().map(|event| (event.number, event.kind)).collect();
        assert_eq!(told, [(2, "state"), (3, "reload")]);
        assert!(over(r#"{"start":5,"events":[]}"#).is_empty());
    }
}
