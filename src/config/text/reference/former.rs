//! Keys of earlier versions: the one way in which a key gets another name or place. What is written under the old one is read as
//! what it is now, with a warning that says how to write it. Later, not before the next major version, the row goes, and with it
//! the old key.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::text::errors::Problems;
use crate::config::text::reference::heading;
use crate::config::text::source::Source;

/// A key that has another place now.
struct Former {
    table: &'static str,
    key: &'static str,
    /// Its place now, from the same table on: tables, and at last the key.
    now: &'static [&'static str],
    /// How that is written.
    example: &'static str,
}

const FORMER: [Former; 1] =
    [Former { table: "pool", key: "eject-for", now: &["eject", "for"], example: "eject = { for = \"10s\" }" }];

/// Puts what stands under former keys where it belongs now.
pub(in crate::config::text) fn bring_up_to_date(file: &mut DeTable<'_>, source: &Source, problems: &Problems) {
    for former in &FORMER {
        let path: Vec<&str> = former.table.split('.').filter(|part| !part.is_empty()).collect();
        in_tables(file, &path, &mut |table| former.bring(table, source, problems));
    }
}

/// Calls `change` for each table at this path.
fn in_tables(table: &mut DeTable<'_>, path: &[&str], change: &mut impl FnMut(&mut DeTable<'_>)) {
    let Some((first, rest)) = path.split_first() else { return change(table) };
    match table.get_mut(*first).map(Spanned::get_mut) {
        Some(DeValue::Table(below)) => in_tables(below, rest, change),
        Some(DeValue::Array(items)) => {
            for item in items.iter_mut() {
                if let DeValue::Table(below) = item.get_mut() {
                    in_tables(below, rest, change);
                }
            }
        }
        _ => {}
    }
}

impl Former {
    fn bring(&self, table: &mut DeTable<'_>, source: &Source, problems: &Problems) {
        let Some((key, value)) = table.remove_entry(self.key) else { return };
        let at = source.place(value.span());
        let (old, heading) = (self.key, heading(self.table));
        match put(table, self.now, (key, value)) {
            Ok(()) => {
                let what = format!("{old} in {heading} is now {}, and is read as that", self.now.join("."));
                problems.warning(at, what, format!("write {}", self.example));
            }
            Err(()) => {
                let what = format!("{old} in {heading} is now {}, which is written too", self.now.join("."));
                problems.error(at, what, format!("leave {old} out"));
            }
        }
    }
}

type Entry<'a> = (Spanned<std::borrow::Cow<'a, str>>, Spanned<DeValue<'a>>);

/// Puts the value there, unless something is there. Tables on the way are made.
fn put<'a>(table: &mut DeTable<'a>, path: &[&'static str], (key, value): Entry<'a>) -> Result<(), ()> {
    let Some((first, rest)) = path.split_first() else { return Err(()) };
    let name = || Spanned::new(key.span(), (*first).into());
    if rest.is_empty() {
        if table.contains_key(*first) {
            return Err(());
        }
        table.insert(name(), value);
        return Ok(());
    }
    let below = || Spanned::new(value.span(), DeValue::Table(DeTable::new()));
    match table.entry(name()).or_insert_with(below).get_mut() {
        DeValue::Table(below) => put(below, rest, (key.clone(), value)),
        _ => Err(()),
    }
}
