//! Keys that all sites of a listener share.

use crate::import::nginx::class::Class::Changed;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::table::Table;

/// Writes what this line says; the first server that says it decides.
pub(crate) fn set(table: &mut Table, key: &str, value: String, one: &Directive, verdicts: &Verdicts) {
    match table.value(key) {
        Some(other) if other != value => {
            let note = format!("a listener has one value for all of its sites: {other}, of the first that says it");
            verdicts.say(one, Changed, key, note);
        }
        _ => {
            table.set(key, value);
            verdicts.same(one, key);
        }
    }
}
