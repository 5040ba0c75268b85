//! The header fields that a site or route sets, adds or removes, prepared once per generation. The configuration has
//! checked already which fields may be edited.

use crate::config::Edits;

/// The edits for one direction.
#[derive(Debug, Default)]
pub struct FieldEdits {
    /// Lower-case names of the fields that are removed or set.
    dropped: Box<[Box<[u8]>]>,
    /// One bit for each length of those names, so that most fields need no comparison.
    lengths: u64,
    /// `Name: value\r\n` of each field set or added.
    added: Box<[u8]>,
    /// The same, with names in lower case.
    fields: Box<[NameValue]>,
}

/// A name and a value.
type NameValue = (Box<[u8]>, Box<[u8]>);

impl FieldEdits {
    /// Prepares the configured edits.
    pub fn new(edits: &Edits) -> Self {
        let lower = |name: &str| name.to_ascii_lowercase().into_bytes().into_boxed_slice();
        let set = edits.set.iter().map(|(name, _)| name);
        let sent = || edits.set.iter().chain(&edits.add);
        let dropped: Box<[_]> = edits.remove.iter().chain(set).map(|name| lower(name)).collect();
        Self {
            lengths: dropped.iter().fold(0, |lengths, name| lengths | bit(name)),
            dropped,
            added: sent().flat_map(|(name, value)| format!("{name}: {value}\r\n").into_bytes()).collect(),
            fields: sent().map(|(name, value)| (lower(name), Box::from(value.as_bytes()))).collect(),
        }
    }

    /// Whether nothing is edited.
    pub fn is_empty(&self) -> bool {
        self.lengths == 0 && self.added.is_empty()
    }

    /// Whether fields of this name are removed from the message. Case does not matter.
    pub fn drops(&self, name: &[u8]) -> bool {
        self.lengths & bit(name) != 0 && self.dropped.iter().any(|dropped| dropped.eq_ignore_ascii_case(name))
    }

    /// The lines to add to an HTTP/1 head.
    pub fn added(&self) -> &[u8] {
        &self.added
    }

    /// The fields to add to an HTTP/2 head: name in lower case, and value.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// The bit for a name's length; lengths from 63 share one.
const fn bit(name: &[u8]) -> u64 {
    1 << if name.len() < 63 { name.len() } else { 63 }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::traffic::xorshift::xorshift;

    fn edits(set: &[(&str, &str)], remove: &[&str]) -> FieldEdits {
        FieldEdits::new(&Edits {
            set: set.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect(),
            add: Vec::new(),
            remove: remove.iter().map(|name| Arc::from(*name)).collect(),
        })
    }

    #[test]
    fn a_field_is_left_out_where_it_is_removed_or_set_anew() {
        let long = "x-".repeat(40);
        let longer = "x-".repeat(41);
        let edits = edits(&[("X-Team", "esb"), ("Strict-Transport-Security", "max-age=1")], &["server", &long]);
        for (name, dropped) in [
            ("X-Team", true),
            ("x-team", true),
            ("X-TEAM", true),
            ("X-Tear", false),
            ("X-Tea", false),
            ("X-Teams", false),
            ("Server", true),
            ("server", true),
            ("Sarver", false),
            ("strict-transport-security", true),
            (&long, true),
            (&longer, false),
            ("", false),
            ("Cookie", false),
        ] {
            assert_eq!(edits.drops(name.as_bytes()), dropped, "{name}");
        }
        assert!(!edits.is_empty());
    }

    #[test]
    fn what_is_set_is_ready_for_both_protocols() {
        for (set, lines, fields) in [
            (&[][..], "", &[][..]),
            (&[("X-Team", "ESB one")], "X-Team: ESB one\r\n", &[("x-team", "ESB one")]),
            (&[("X-Empty", "")], "X-Empty: \r\n", &[("x-empty", "")]),
            (&[("b", "2"), ("A", "1")], "b: 2\r\nA: 1\r\n", &[("b", "2"), ("a", "1")]),
        ] {
            let edits = edits(set, &["gone"]);
            assert_eq!(edits.added(), lines.as_bytes());
            let expected: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            assert_eq!(edits.fields().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_is_added_leaves_the_messages_own_lines() {
        let add = vec![("Set-Cookie".into(), "a=1".into()), ("Set-Cookie".into(), "b=2".into())];
        let edits = FieldEdits::new(&Edits { add, ..Edits::default() });
        assert!(!edits.is_empty() && !edits.drops(b"set-cookie"));
        assert_eq!(edits.added(), b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
        assert_eq!(edits.fields().count(), 2);
    }

    #[test]
    fn without_edits_nothing_happens() {
        let none = edits(&[], &[]);
        assert!(none.is_empty() && none.added().is_empty() && none.fields().next().is_none());
        assert!(!none.drops(b"") && !none.drops(b"server"));
    }

    #[test]
    fn the_quick_look_at_lengths_never_differs_from_comparing_all() {
        let mut chance = 0x9E37_79B9_97F4_A7C1_u64;
        let mut name = || {
            xorshift(&mut chance);
            let letters = if chance & 7 == 0 { 60 + chance % 8 } else { 1 + chance % 3 };
            (0..letters).map(|at| if chance >> (at % 60) & 9 == 9 { 'A' } else { 'a' }).collect::<String>()
        };
        let mut dropped = 0;
        for _ in 0..500 {
            let names = [name().to_ascii_lowercase(), name().to_ascii_lowercase()];
            let edits = edits(&[(&name(), "v")], &names.each_ref().map(String::as_str));
            let set = edits.fields().next().map(|(name, _)| name.to_vec()).unwrap();
            for _ in 0..20 {
                let asked = name().into_bytes();
                let expected =
                    [names[0].as_bytes(), names[1].as_bytes(), &set].iter().any(|n| n.eq_ignore_ascii_case(&asked));
                assert_eq!(edits.drops(&asked), expected);
                dropped += usize::from(expected);
            }
        }
        assert!((1_000..9_000).contains(&dropped), "{dropped} of 10000 names");
    }
}
