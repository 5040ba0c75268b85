//! What belongs to a number, and what was found of it.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of this number: up to 60 kB, none the same as another's.
pub(crate) fn bytes_of(number: u64) -> Vec<u8> {
    let length = usize::try_from(number * 7919 % 60_000).unwrap_or_default();
    let head = format!("{number};");
    let byte = |place: usize| u8::try_from((number + 31 * place as u64) % 251).unwrap_or_default();
    head.into_bytes().into_iter().chain((0..length).map(byte)).collect()
}

/// How it went so far.
#[derive(Default)]
pub(crate) struct Report {
    numbers: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    cut: AtomicU64,
    left: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Report {
    /// A number that nobody has.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The whole answer came, and was right.
    pub(crate) fn is_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Weir said that it has no answer.
    pub(crate) fn is_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The answer was cut, as its node had cut it, and the client could see that.
    pub(crate) fn is_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// The client left before the answer.
    pub(crate) fn has_left(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// What must not be.
    pub(crate) fn is_wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() < 20 {
            wrong.push(what);
        }
    }

    pub(crate) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (answered, refused, cut, left) = (of(&self.answered), of(&self.refused), of(&self.cut), of(&self.left));
        write!(f, "{answered} answered, {refused} refused, {cut} cut, {left} left, {} wrong", self.wrong().len())
    }
}
