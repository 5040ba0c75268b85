//! Many regular expressions asked in few passes: whether any of a few dozen is found in a path takes as long as one of
//! them would, and mostly none is. 500 expressions over a path of 16 KB took a thread 19 ms, one after the other.

use std::sync::Arc;

use regex::bytes::RegexSet;

use crate::config::any_of;

/// Expressions in their order, in groups that are asked as one. A group tells no false no; a yes asks each of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefilter {
    groups: Box<[Option<Arc<RegexSet>>]>,
}

/// What a search knows already: the last group that was asked.
#[derive(Debug, Default)]
pub(super) struct LastGroup(Option<(usize, bool)>);

impl Prefilter {
    /// For these expressions. Groups that `before` has too are not made again.
    pub(super) fn new(expressions: &[&str], before: Option<&Self>) -> Self {
        if expressions.len() < FEWEST {
            return Self::default();
        }
        let known = |at: usize, group: &[&str]| {
            let set = before?.groups.get(at)?.as_ref()?;
            set.patterns().iter().eq(group).then(|| Arc::clone(set))
        };
        let make = |(at, group)| known(at, group).or_else(|| any_of(group).map(Arc::new));
        Self { groups: expressions.chunks(GROUP).enumerate().map(make).collect() }
    }

    /// Whether the expression with this number may be found there.
    pub(super) fn may_find(&self, expression: usize, path: &[u8], asked: &mut LastGroup) -> bool {
        let at = expression / GROUP;
        let Some(Some(group)) = self.groups.get(at) else { return true };
        match asked.0 {
            Some((last, found)) if last == at => found,
            _ => {
                let found = group.is_match(path);
                asked.0 = Some((at, found));
                found
            }
        }
    }
}

/// Below so many each is asked for itself.
const FEWEST: usize = 8;
/// Larger groups take fewer passes, but are dearer where one of them is found, and where a path makes them hard to tell
/// apart: measured with 16, 64 and 500.
const GROUP: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sieve_lets_fall_is_found_nowhere() {
        let expressions: Vec<String> = (0..100).map(|n| format!("^/a{n}/[^/]*x$")).collect();
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        let prefilter = Prefilter::new(&expressions, None);
        for path in ["/a7/bx", "/a31/x", "/a32/x", "/a99/bbx", "/a99/b", "/b"] {
            let mut asked = LastGroup::default();
            let may: Vec<bool> = (0..100).map(|n| prefilter.may_find(n, path.as_bytes(), &mut asked)).collect();
            for (n, text) in expressions.iter().enumerate() {
                let found = regex::bytes::Regex::new(text).unwrap().is_match(path.as_bytes());
                assert!(may[n] || !found, "{text} is in {path}");
            }
            let hits = (0..100).filter(|n| path.starts_with(&format!("/a{n}/")) && path.ends_with('x')).count();
            assert!(may.iter().filter(|may| **may).count() <= hits * GROUP, "{path}");
        }
    }

    #[test]
    fn a_reload_makes_only_the_groups_anew_that_changed() {
        let mut expressions: Vec<String> = (0..100).map(|n| format!("a{n}")).collect();
        let texts = |expressions: &[String]| expressions.to_vec();
        let made = |all: &[String], before| Prefilter::new(&all.iter().map(String::as_str).collect::<Vec<_>>(), before);
        let first = made(&texts(&expressions), None);
        expressions[40] = "b".to_owned();
        let second = made(&texts(&expressions), Some(&first));
        let same: Vec<bool> = first
            .groups
            .iter()
            .zip(&second.groups)
            .map(|(one, other)| Arc::ptr_eq(one.as_ref().unwrap(), other.as_ref().unwrap()))
            .collect();
        assert_eq!(same, [true, false, true, true]);
    }

    #[test]
    fn few_expressions_need_none() {
        assert!(Prefilter::new(&["a"; FEWEST - 1], None).groups.is_empty());
        assert!(Prefilter::default().may_find(3, b"/", &mut LastGroup::default()));
    }
}
