//! What was odd about the field blocks of an HTTP/2 connection, kept until their streams begin.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::traffic::message::ids::REQUEST_ID;
use crate::wire::{HeadFault, Oddity};

/// The most notes, and bytes in them, that are kept for streams that have not begun. If a note were dropped, an odd
/// head could pass as a good one. So the connection of a client that needs more is ended.
const NOTES: usize = 1024;
const NOTED: usize = 1024 * 1024;

/// What was odd about the head of a stream, or about its trailers.
pub(crate) struct Note {
    stream: u32,
    reported: bool,
    /// The id under which its fault is in the log.
    pub(crate) id: Option<[u8; REQUEST_ID]>,
    /// What was odd in its field block.
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
    /// Adds a note. False when there are too many.
    pub(crate) fn add(&self, stream: u32, odd: Box<Oddity>) -> bool {
        let mut notes = self.0.borrow_mut();
        notes.push_back(Note { stream, reported: false, id: None, odd });
        notes.len() <= NOTES && notes.iter().map(Note::bytes).sum::<usize>() <= NOTED
    }

    /// Reports each fault once, as soon as possible: the library resets some of these streams before Weir sees them. `log`
    /// returns the id under which it did.
    pub(crate) fn report(&self, mut log: impl FnMut(HeadFault, &str) -> Option<[u8; REQUEST_ID]>) {
        let mut notes = self.0.borrow_mut();
        if notes.is_empty() {
            return;
        }
        for note in notes.iter_mut().filter(|note| !note.reported) {
            note.reported = true;
            note.id = note.odd.fault.as_ref().and_then(|(fault, reason)| log(*fault, reason));
        }
    }

    /// Takes the note on the head of this stream, which begins now. Its trailers may already have a note too. Streams
    /// with lower numbers can no longer begin, so their notes are dropped.
    pub(crate) fn take(&self, stream: u32) -> Option<Note> {
        let mut notes = self.0.borrow_mut();
        let mut found = None;
        while notes.front().is_some_and(|note| note.stream <= stream) {
            found = found.or(notes.pop_front().filter(|note| note.stream == stream));
        }
        found
    }
}
