//! Warns of values that look like variables of nginx or a shell where nothing replaces them.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::errors::Problems;
use super::secrets;
use super::source::Source;
use super::words::variable;

/// Warns of every text of a file with a variable in it.
pub(crate) fn warn(table: &DeTable<'_>, source: &Source, problems: &Problems) {
    warn_below(table, false, source, problems);
}

fn warn_below(table: &DeTable<'_>, secret: bool, source: &Source, problems: &Problems) {
    for (key, value) in table {
        let key = key.get_ref().as_ref();
        if !MEANT.contains(&key) {
            look_at(value, secret || secrets::may_be_in(key), source, problems);
        }
    }
}

/// Keys whose readers look at dollar signs themselves: expressions, values that take something from the request, and the
/// body of an answer, which has a warning of its own.
const MEANT: [&str; 6] = ["regex", "target", "set", "add", "to", "body"];

fn look_at(value: &Spanned<DeValue<'_>>, secret: bool, source: &Source, problems: &Problems) {
    match value.get_ref() {
        DeValue::Table(table) => warn_below(table, secret, source, problems),
        DeValue::Array(items) => items.iter().for_each(|item| look_at(item, secret, source, problems)),
        DeValue::String(text) => {
            if let Some(name) = variable(text) {
                let at = source.place(value.span());
                let (name, at) = if secret { ("a dollar sign", at.without_excerpt()) } else { (name, at) };
                let what = format!("{name} stays as it is written: there are no variables");
                problems.warning(at, what, "write the value itself");
            }
        }
        _ => {}
    }
}
