//! The header fields that a site or route sets, adds or removes, prepared once per generation. The configuration has
//! checked already which fields may be edited.

use crate::config::{Edits, FieldValue, RequestValue, ValuePart};

/// The edits for one direction.
#[derive(Debug, Default)]
pub struct FieldEdits {
    /// Lower-case names of the fields that are removed or set.
    dropped: Box<[Box<[u8]>]>,
    /// One bit for each length of those names, so that most fields need no comparison.
    lengths: u64,
    /// `Name: value\r\n` of each field set or added whose value every request has.
    added: Box<[u8]>,
    /// The same, with names in lower case.
    fields: Box<[NameValue]>,
    /// Those that take something from their request.
    made: Box<[MadeField]>,
}

/// A field whose value is made for each request.
#[derive(Debug)]
struct MadeField {
    name: Box<[u8]>,
    /// In lower case.
    lower: Box<[u8]>,
    value: FieldValue,
}

impl MadeField {
    fn write(&self, out: &mut Vec<u8>, ask: &mut impl FnMut(RequestValue, &mut Vec<u8>)) {
        for part in &self.value.0 {
            match part {
                ValuePart::Text(text) => out.extend_from_slice(text.as_bytes()),
                ValuePart::Request(value) => ask(*value, out),
            }
        }
    }
}

/// A name and a value.
type NameValue = (Box<[u8]>, Box<[u8]>);

impl FieldEdits {
    /// Prepares the configured edits.
    pub fn new(edits: &Edits) -> Self {
        let lower = |name: &str| name.to_ascii_lowercase().into_bytes().into_boxed_slice();
        let set = edits.set.iter().map(|(name, _)| name);
        let sent = || edits.set.iter().chain(&edits.add);
        let fixed = || sent().filter_map(|(name, value)| Some((name, fixed_text(value)?)));
        let made = sent().filter(|(_, value)| fixed_text(value).is_none());
        let made = made.map(|(name, value)| MadeField {
            name: name.as_bytes().into(),
            lower: lower(name),
            value: value.clone(),
        });
        let dropped: Box<[_]> = edits.remove.iter().chain(set).map(|name| lower(name)).collect();
        Self {
            lengths: dropped.iter().fold(0, |lengths, name| lengths | bit(name)),
            dropped,
            added: fixed().flat_map(|(name, value)| format!("{name}: {value}\r\n").into_bytes()).collect(),
            fields: fixed().map(|(name, value)| (lower(name), Box::from(value.as_bytes()))).collect(),
            made: made.collect(),
        }
    }

    /// Whether nothing is edited.
    pub fn is_empty(&self) -> bool {
        self.lengths == 0 && self.added.is_empty() && self.made.is_empty()
    }

    /// Whether fields of this name are removed from the message. Case does not matter, and an underscore is a dash: many nodes take
    /// one for the other.
    pub fn drops(&self, name: &[u8]) -> bool {
        self.lengths & bit(name) != 0 && self.dropped.iter().any(|dropped| is_name(dropped, name))
    }

    /// Whether a field takes something from its request.
    pub fn takes_values(&self) -> bool {
        !self.made.is_empty()
    }

    /// Writes the lines to add to an HTTP/1 head. `ask` writes what the request says.
    pub fn write(&self, out: &mut Vec<u8>, mut ask: impl FnMut(RequestValue, &mut Vec<u8>)) {
        out.extend_from_slice(&self.added);
        for field in &self.made {
            let (line, value) = (out.len(), out.len() + field.name.len() + 2);
            out.extend_from_slice(&field.name);
            out.extend_from_slice(b": ");
            field.write(out, &mut ask);
            // Without a value there is no field, as in nginx.
            if out.len() == value { out.truncate(line) } else { out.extend_from_slice(b"\r\n") }
        }
    }

    /// Tells the fields to add to an HTTP/2 head: name in lower case, and value.
    pub fn each(&self, mut ask: impl FnMut(RequestValue, &mut Vec<u8>), mut tell: impl FnMut(&[u8], &[u8])) {
        self.fields.iter().for_each(|(name, value)| tell(name, value));
        let mut value = Vec::new();
        for field in &self.made {
            value.clear();
            field.write(&mut value, &mut ask);
            if !value.is_empty() {
                tell(&field.lower, &value);
            }
        }
    }
}

fn is_name(dropped: &[u8], name: &[u8]) -> bool {
    let plain = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    dropped.len() == name.len() && dropped.iter().zip(name).all(|(one, other)| plain(one) == plain(other))
}

/// The text of a value that takes nothing from the request.
fn fixed_text(value: &FieldValue) -> Option<&str> {
    match value.0.as_slice() {
        [] => Some(""),
        [ValuePart::Text(text)] => Some(text),
        _ => None,
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
            set: set.iter().map(|(name, value)| (Arc::from(*name), FieldValue::from(*value))).collect(),
            add: Vec::new(),
            remove: remove.iter().map(|name| Arc::from(*name)).collect(),
        })
    }

    /// What the request says, for the tests: the word itself.
    fn word(value: RequestValue, out: &mut Vec<u8>) {
        out.extend_from_slice(<&str>::from(value).as_bytes());
    }

    fn lines(edits: &FieldEdits) -> String {
        let mut out = Vec::new();
        edits.write(&mut out, word);
        String::from_utf8(out).expect("text")
    }

    fn fields(edits: &FieldEdits) -> Vec<(String, String)> {
        let (mut fields, text) = (Vec::new(), |bytes: &[u8]| bytes.escape_ascii().to_string());
        edits.each(word, |name, value| fields.push((text(name), text(value))));
        fields
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
        for (set, written, expected) in [
            (&[][..], "", &[][..]),
            (&[("X-Team", "ESB one")], "X-Team: ESB one\r\n", &[("x-team", "ESB one")]),
            (&[("X-Empty", "")], "X-Empty: \r\n", &[("x-empty", "")]),
            (&[("b", "2"), ("A", "1")], "b: 2\r\nA: 1\r\n", &[("b", "2"), ("a", "1")]),
        ] {
            let edits = edits(set, &["gone"]);
            let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            assert_eq!((lines(&edits), fields(&edits)), (written.to_owned(), expected.collect()));
            assert!(!edits.takes_values());
        }
    }

    #[test]
    fn a_value_of_the_request_is_asked_for_where_it_stands() {
        let value = FieldValue(vec![
            ValuePart::Request(RequestValue::Scheme),
            ValuePart::Text("://".into()),
            ValuePart::Request(RequestValue::Host),
        ]);
        let edits = FieldEdits::new(&Edits {
            set: vec![("X-From".into(), value), ("X-Team".into(), "esb".into())],
            ..Edits::default()
        });
        assert!(edits.takes_values() && edits.drops(b"x-from"));
        assert_eq!(lines(&edits), "X-Team: esb\r\nX-From: scheme://host\r\n");
        let [team, from] = [("x-team", "esb"), ("x-from", "scheme://host")];
        assert_eq!(fields(&edits), [team, from].map(|(name, value)| (name.to_owned(), value.to_owned())));
        let only = FieldEdits::new(&Edits {
            add: vec![("X-From".into(), FieldValue(vec![ValuePart::Request(RequestValue::Client)]))],
            ..Edits::default()
        });
        assert!(!only.is_empty() && !only.drops(b"x-from"));
    }

    #[test]
    fn what_is_added_leaves_the_messages_own_lines() {
        let add = vec![("Set-Cookie".into(), "a=1".into()), ("Set-Cookie".into(), "b=2".into())];
        let edits = FieldEdits::new(&Edits { add, ..Edits::default() });
        assert!(!edits.is_empty() && !edits.drops(b"set-cookie"));
        assert_eq!(lines(&edits), "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
        assert_eq!(fields(&edits).len(), 2);
    }

    #[test]
    fn without_edits_nothing_happens() {
        let none = edits(&[], &[]);
        assert!(none.is_empty() && lines(&none).is_empty() && fields(&none).is_empty());
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
            let set = fields(&edits)[0].0.clone().into_bytes();
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
