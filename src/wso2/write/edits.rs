//! Edits of a text: which bytes are replaced by what. Those that belong together are made together or not at all.

use std::ops::Range;

/// These bytes of a text give way to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
}

impl Edit {
    pub(crate) fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        Self { range, text: text.into() }
    }

    pub(crate) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::replace(at..at, text)
    }

    pub(crate) fn remove(range: Range<usize>) -> Self {
        Self::replace(range, "")
    }

    /// Whether they have bytes in common, or one is inserted at an end of the other.
    fn touches(&self, other: &Self) -> bool {
        let (one, two) = (&self.range, &other.range);
        if one.is_empty() || two.is_empty() {
            return one.start <= two.end && two.start <= one.end;
        }
        one.start < two.end && two.start < one.end
    }
}

/// The edits of one text.
#[derive(Debug, Default)]
pub(crate) struct Edits(Vec<Edit>);

impl Edits {
    /// Takes all edits of a group, or none where one touches an edit that is here already: it was made for a text that is
    /// gone by then.
    pub(crate) fn take(&mut self, group: Vec<Edit>) -> bool {
        let fits = group.iter().all(|edit| self.0.iter().all(|other| !edit.touches(other)));
        let own = group.iter().enumerate().all(|(at, edit)| group[..at].iter().all(|other| !edit.touches(other)));
        if fits && own {
            self.0.extend(group);
        }
        fits && own
    }

    /// The text after them. `None`: one of them is not within it.
    pub(crate) fn applied(mut self, text: &str) -> Option<String> {
        self.0.sort_by_key(|edit| edit.range.start);
        let mut made = String::with_capacity(text.len());
        let mut from = 0;
        for edit in &self.0 {
            made.push_str(text.get(from..edit.range.start)?);
            made.push_str(&edit.text);
            from = edit.range.end;
        }
        made.push_str(text.get(from..)?);
        Some(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_taken_whole_or_not_at_all() {
        let mut edits = Edits::default();
        assert!(edits.take(vec![Edit::replace(2..3, "C"), Edit::insert(5, "!")]));
        assert!(!edits.take(vec![Edit::remove(0..1), Edit::replace(2..4, "x")]), "one of them overlaps");
        assert!(!edits.take(vec![Edit::insert(5, "?")]), "at the same place");
        assert!(!edits.take(vec![Edit::insert(0, "?"), Edit::insert(0, "!")]), "which of them is first, nobody knows");
        assert!(edits.take(vec![Edit::remove(0..1)]));
        assert!(edits.take(vec![Edit::remove(1..2)]), "beside another one");
        assert_eq!(edits.applied("abcde").as_deref(), Some("Cde!"));
    }

    #[test]
    fn what_is_no_place_of_the_text_is_refused() {
        for range in [0..9, 1..1, 9..9] {
            let mut edits = Edits::default();
            edits.take(vec![Edit::remove(range.clone())]);
            assert_eq!(edits.applied("é"), None, "{range:?}");
        }
    }
}
