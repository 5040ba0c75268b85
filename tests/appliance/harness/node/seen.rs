//! What an origin notes: every request as it came, in the order of the heads.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A request as the origin got it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Which of the origin's connections it came on, from 1.
    pub(crate) connection: u64,
    /// Head and body; a chunked body is spelled as one chunk. Bodies are kept up to 1 MiB.
    pub(crate) bytes: Vec<u8>,
    /// Whether the body arrived whole.
    pub(crate) complete: bool,
    /// What a strict reader refuses in it.
    pub(crate) doubtful: Option<String>,
}

impl Seen {
    /// The bytes as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The text, with `ID` for the id that Weir made for the request.
    pub(crate) fn text_but_id(&self) -> String {
        let text = self.text();
        match self.values("x-request-id").as_slice() {
            [id] if is_made_id(id) => text.replacen(id, "ID", 1),
            _ => text,
        }
    }

    /// The request's target.
    pub(crate) fn target(&self) -> String {
        self.text().split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// All values of a field, its name in any case.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        let fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.trim().to_owned()).collect()
    }

    /// What follows the head.
    pub(crate) fn body(&self) -> Vec<u8> {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(self.bytes.len(), |at| at + 4);
        self.bytes[end..].to_vec()
    }
}

/// Whether it has the form of the ids that Weir makes.
pub(crate) fn is_made_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The requests of one origin.
#[derive(Default)]
pub(super) struct Notes(Mutex<Vec<Seen>>);

impl Notes {
    /// Notes a request; the answer is its place, for `update`.
    pub(super) fn note(&self, seen: Seen) -> usize {
        let mut all = lock(&self.0);
        all.push(seen);
        all.len() - 1
    }

    /// Changes a noted request.
    pub(super) fn update(&self, place: usize, change: impl FnOnce(&mut Seen)) {
        change(&mut lock(&self.0)[place]);
    }

    /// A noted request.
    pub(super) fn noted(&self, place: usize) -> Seen {
        lock(&self.0)[place].clone()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Seen> {
        lock(&self.0).clone()
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// The latest.
    pub(super) fn last(&self) -> Option<Seen> {
        lock(&self.0).last().cloned()
    }
}

/// What a script held when it panicked is as good as before.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
