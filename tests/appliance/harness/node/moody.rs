//! A scripted origin whose mood the test changes while traffic runs: well, or failing in one of the ways nodes fail.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use super::origin::{Origin, ok};
use super::talk::Talk;
use crate::harness::eventually::{PATIENCE, within};

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers 200 with `NAME TARGET`.
    Well,
    /// Answers 500 with a SOAP fault.
    Faulty,
    /// Resets the connection.
    Resets,
    /// Never says a word.
    Silent,
    /// Answers, well, once its mood changes: a process that was stopped.
    Paused,
}

/// An origin with a mood.
pub(crate) struct Moody {
    origin: Origin,
    mood: Arc<Mutex<Mood>>,
}

impl Moody {
    /// In this mood.
    pub(crate) fn new(name: &str, mood: Mood) -> Self {
        let mood = Arc::new(Mutex::new(mood));
        let (name, now) = (name.to_owned(), mood.clone());
        let origin = Origin::speaking(move |talk| {
            talk.body_length();
            take(talk, &name, &now);
        });
        Self { origin, mood }
    }

    /// In this mood from here on.
    pub(crate) fn turns(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }
}

impl Deref for Moody {
    type Target = Origin;

    fn deref(&self) -> &Origin {
        &self.origin
    }
}

fn take(talk: &mut Talk, name: &str, mood: &Mutex<Mood>) {
    let now = || *mood.lock().unwrap_or_else(PoisonError::into_inner);
    let well = |talk: &mut Talk| {
        let target = talk.target();
        talk.send(&ok(&format!("{name} {target}")));
    };
    match now() {
        Mood::Well => well(talk),
        Mood::Faulty => talk.send(b"HTTP/1.1 500 Fault\r\nContent-Length: 8\r\n\r\n<Fault/>"),
        Mood::Resets => talk.reset(),
        Mood::Silent => {
            talk.wait_for_close();
        }
        Mood::Paused => {
            within(2 * PATIENCE, || now() != Mood::Paused);
            well(talk);
        }
    }
}
