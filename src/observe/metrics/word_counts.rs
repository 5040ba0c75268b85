//! Counts by word that are in no scrape. A word gets its place at its first count, and counting takes no lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many words there is room for. Others are not counted.
const WORDS: usize = 24;

/// How often each word was counted.
#[derive(Debug, Default)]
pub(super) struct WordCounts([OnceLock<(&'static str, AtomicU64)>; WORDS]);

impl WordCounts {
    /// Adds one.
    pub(super) fn count(&self, word: &'static str) {
        let places = self.0.iter().map(|place| place.get_or_init(|| (word, AtomicU64::new(0))));
        if let Some((_, count)) = places.into_iter().find(|(known, _)| *known == word) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Tells each word and how often it was counted.
    pub(super) fn each(&self, mut tell: impl FnMut(&'static str, u64)) {
        let known = self.0.iter().map_while(OnceLock::get);
        known.for_each(|(word, count)| tell(word, count.load(Relaxed)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_its_own_count_and_too_many_words_do_no_harm() {
        const MORE: [&str; 26] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u",
            "v", "w", "x", "y", "z",
        ];
        let counts = WordCounts::default();
        ["b", "a", "b"].into_iter().chain(MORE).for_each(|word| counts.count(word));
        let mut told = Vec::new();
        counts.each(|word, count| told.push((word, count)));
        assert_eq!((told.len(), &told[..3]), (WORDS, &[("b", 3), ("a", 2), ("c", 1)][..]));
    }
}
