//! What one process tells the next of the numbers of the last minute, ten minutes and day, so that graphs have no hole where an upgrade
//! was. Requests that the process before still answers are not in them.

use std::vec::IntoIter;

use crate::control::sampling;
use crate::control::state::Control;
use crate::observe::history::HandedNumbers;

/// What is still to be told: one subject after the other, since all together may be megabytes, and clients wait for other news.
pub(super) struct Numbers {
    /// How many seconds were read when this process stopped to accept. The one after them has its last requests.
    before: u64,
    rest: Option<IntoIter<HandedNumbers>>,
}

impl Numbers {
    pub(super) fn of(control: &Control) -> Self {
        Self { before: control.observer.history.seconds_read(), rest: None }
    }

    pub(super) fn are_ready(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.len() > 0)
    }

    /// Those of the next subject, once that second is over.
    pub(super) fn next(&mut self, control: &Control) -> Option<HandedNumbers> {
        let history = &control.observer.history;
        if self.rest.is_none() && history.seconds_read() > self.before {
            self.rest = Some(history.hand_over().into_iter());
        }
        self.rest.as_mut()?.next()
    }
}

/// Goes on from the numbers of a subject, where the configuration still has it.
pub(super) fn go_on(control: &Control, handed: HandedNumbers) {
    let known = sampling::subjects(&control.current.load());
    if let Some(subject) = known.into_iter().find(|subject| subject.to_string() == handed.of) {
        control.observer.history.go_on_from(&subject, handed);
    }
}
