//! Tests many regular expressions in few passes. To test whether any of a group matches takes about as long as one
//! expression, and usually none matches. Measured: 500 expressions one by one on a path of 16 KB took 19 ms.

use std::sync::Arc;

use regex::bytes::RegexSet;

use crate::config::any_of;

/// Expressions in their order, in groups that are tested as one. If a group does not match, none of its expressions
/// does. If it matches, each has to be tested.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefilter {
    groups: Box<[Option<Arc<RegexSet>>]>,
}

/// The last group that a search has tested, and its result.
#[derive(Debug, Default)]
pub(super) struct LastGroup(Option<(usize, bool)>);

impl Prefilter {
    /// Compiles the groups. Groups that `before` has too are reused.
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

    /// False if the expression with this number cannot match.
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

/// With fewer expressions there is no prefilter.
const FEWEST: usize = 8;
/// The size of a group. Larger groups need fewer passes, but cost more when one expression matches and with long paths.
/// Measured with 16, 64 and 500.
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
