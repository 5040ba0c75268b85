//! Numbers and sizes of nginx as a key of Weir takes them. What is below or above its limits becomes the nearest one, and the
//! line says so.

use super::class::Class::Changed;
use super::parse::Directive;
use super::report::Verdicts;
use super::values;
use crate::config::rules;

/// The table of a key, and the key.
pub(super) type Key = (&'static str, &'static str);

/// A whole number. Nothing where it is none.
pub(super) fn number(text: &str, key: Key, one: &Directive, verdicts: &Verdicts) -> Option<String> {
    values::number(text).map(|wanted| taken(wanted, key, |number| number.to_string(), one, verdicts))
}

/// So many bytes.
pub(super) fn size(bytes: u64, key: Key, one: &Directive, verdicts: &Verdicts) -> String {
    taken(bytes, key, values::size, one, verdicts)
}

fn taken(
    wanted: u64,
    (table, key): Key,
    written: impl Fn(u64) -> String,
    one: &Directive,
    verdicts: &Verdicts,
) -> String {
    let (from, to) = rules::limits(table, key);
    let taken = written(wanted.clamp(from, to));
    if !(from..=to).contains(&wanted) {
        let note = format!("{} becomes {taken}, the nearest that {key} takes", written(wanted));
        verdicts.say(one, Changed, key, note.clone());
        verdicts.add(one, &note);
    }
    taken
}
