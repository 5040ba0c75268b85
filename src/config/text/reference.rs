//! Every configuration key with its table, form, default and meaning.
//!
//! The reader takes ranges and defaults from here and refuses keys that are not here. `make generated` writes the
//! tables of `docs/configuration.md` from it.

mod form;
pub(super) mod former;
mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use self::form::human_size;
pub use self::form::{Form, Key};
use self::table::REFERENCE;

/// Every key, table by table, in the order of the documentation.
pub fn reference() -> &'static [Key] {
    REFERENCE
}

/// A table's heading in a file: `[pool.health]`, `[[pool]]`.
pub fn heading(table: &str) -> String {
    match table {
        "" => "the top level of a file".to_owned(),
        "acme" | "admin.certificate" | "admin.token" | "listener" | "node" | "pool" | "site" | "site.route" => {
            format!("[[{table}]]")
        }
        _ => format!("[{table}]"),
    }
}

/// The table that stands below another one under this key. `None` where the names in it are the operator's own.
pub fn table_below(table: &str, key: &str) -> Option<&'static str> {
    let own = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
    // A route and a listener have some tables in the form of a site's.
    let of_site = own.replacen("site.route.", "site.", 1).replacen("listener.rate", "site.rate", 1);
    let named = |name: &str| REFERENCE.iter().find(|k| k.table == name).map(|k| k.table);
    named(&own).or_else(|| named(&of_site))
}

pub(crate) fn find(table: &str, key: &str) -> Option<&'static Key> {
    static BY_NAME: LazyLock<HashMap<(&str, &str), &Key>> =
        LazyLock::new(|| REFERENCE.iter().map(|key| ((key.table, key.key), key)).collect());
    BY_NAME.get(&(table, key)).copied()
}

pub(crate) fn keys_of(table: &str) -> Vec<&'static str> {
    REFERENCE.iter().filter(|k| k.table == table).map(|k| k.key).collect()
}

/// The tables that have this key, to help an operator who wrote it into another one.
pub(crate) fn tables_of(key: &str) -> Vec<&'static str> {
    REFERENCE.iter().filter(|k| k.key == key).map(|k| k.table).collect()
}
