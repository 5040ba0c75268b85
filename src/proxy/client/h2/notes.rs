//! What was odd about the field blocks of an HTTP/2 connection, kept until their streams begin.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::wire::{HeadFault, Oddity};

/// Notes kept of streams that have not begun yet, and bytes in them. What would be forgotten could pass for a head that
/// was never odd, so a client that needs more is put out.
const NOTES: usize = 1024;
const NOTED: usize = 1024 * 1024;

/// What was odd about a stream's head, or its trailers.
pub(crate) struct Note {
    stream: u32,
    told: bool,
    /// Its block of fields.
    pub(crate) odd: Box<Oddity>,
}

impl Note {
    fn bytes(&self) -> usize {
        [&self.odd.target, &self.odd.authority].into_iter().flatten().map(Vec::len).sum()
    }
}

/// The notes of one connection.
#[derive(Default)]
pub(crate) struct Notes(RefCell<VecDeque<Note>>);

impl Notes {
    /// False where there are too many.
    pub(crate) fn add(&self, stream: u32, odd: Box<Oddity>) -> bool {
        let mut notes = self.0.borrow_mut();
        notes.push_back(Note { stream, told: false, odd });
        notes.len() <= NOTES && notes.iter().map(Note::bytes).sum::<usize>() <= NOTED
    }

    /// Tells each fault once: the library resets some of these streams before anybody hears of them.
    pub(crate) fn tell(&self, mut tell: impl FnMut(HeadFault, &str)) {
        let mut notes = self.0.borrow_mut();
        if notes.is_empty() {
            return;
        }
        for note in notes.iter_mut().filter(|note| !note.told) {
            note.told = true;
            note.odd.fault.iter().for_each(|(fault, reason)| tell(*fault, reason));
        }
    }

    /// The note on the head of this stream, which begins now. Its trailers may have one of their own by then. Streams
    /// before it never will begin.
    pub(crate) fn take(&self, stream: u32) -> Option<Note> {
        let mut notes = self.0.borrow_mut();
        let mut found = None;
        while notes.front().is_some_and(|note| note.stream <= stream) {
            found = found.or(notes.pop_front().filter(|note| note.stream == stream));
        }
        found
    }
}
