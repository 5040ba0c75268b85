//! Names of servers that keep people out and become no site: no other site takes their requests.

use std::collections::HashSet;

use super::parse::Origin;
use super::table::Table;
use super::values;

/// Names that have no site on this listener, and whose server keeps people out.
pub(super) struct Kept {
    pub(super) listener: String,
    /// In lower case; those too that Weir could not have.
    pub(super) names: Vec<String>,
    /// So it is with clients that give no name.
    pub(super) nameless: bool,
    pub(super) from: Origin,
}

/// What is said of the server of a site that takes less than before.
pub(super) struct Change {
    pub(super) from: Origin,
    pub(super) note: &'static str,
    /// Nobody is let in.
    pub(super) shut: bool,
}

/// Of these tables, those at the places of `there`: makes a site for the names that a wildcard of another site, or a default
/// site, would take. It answers itself. Where there can be none, since the checks refused it (`again`) or the name is none,
/// that other site takes less.
pub(super) fn keep(tables: &mut Vec<Table>, kept: &Kept, again: bool, there: impl Fn(usize) -> bool) -> Vec<Change> {
    let own = |table: &Table| table.guarded && table.from == kept.from && !table.passes();
    let on = |table: &Table| table.head == "[[site]]" && table.listens(&kept.listener) && !own(table);
    let others = tables.iter().enumerate().filter(|(at, table)| on(table) && there(*at));
    let mut others: Vec<_> = others.map(|(at, table)| (table.value("default").is_some(), at)).collect();
    // What a wildcard takes does not reach the default.
    others.sort_unstable();
    let (mut done, mut changes) = (HashSet::new(), Vec::new());
    for (_, at) in others {
        let Some(site) = tables.get_mut(at) else { continue };
        let nameless = kept.nameless && site.value("default").is_some();
        let taken = kept.names.iter().filter(|name| !done.contains(*name) && site.takes(name));
        let (hosts, lost): (Vec<&String>, Vec<&String>) = taken.partition(|name| !again && is_host(name));
        if !lost.is_empty() || nameless && again {
            let wildcards = nameless || lost.iter().any(|name| site.has_over(name));
            let note = site.take_less(wildcards);
            changes.push(Change { from: site.from.clone(), note, shut: wildcards || site.value("hosts").is_none() });
        }
        if !hosts.is_empty() || nameless && !again {
            done.extend(hosts.iter().copied());
            let mut stands = beside(site, kept, &hosts, nameless);
            let base = hosts.first().map_or("nameless", |host| host.trim_start_matches("*."));
            stands.keys.insert(0, ("name".to_owned(), free_name(tables, &format!("{base}.closed"))));
            tables.push(stands);
        }
    }
    changes
}

/// A site of these hosts that lets nobody in, with what it needs of the site that would take them.
fn beside(site: &Table, kept: &Kept, hosts: &[&String], nameless: bool) -> Table {
    let mut table = Table::new("[[site]]", &kept.from.beside());
    table.set("listener", values::text(&kept.listener));
    if !hosts.is_empty() {
        table.set("hosts", values::texts(hosts.iter().map(|host| host.as_str())));
    }
    if nameless {
        table.set("nameless", "true");
    }
    for key in ["certificate", "passthrough", "pool"] {
        let value = site.value(key).filter(|_| key != "pool" || site.passes());
        value.into_iter().for_each(|value| table.set(key, value));
    }
    table.shut();
    (table.guarded, table.stands_in) = (true, true);
    table
}

/// This name, or it with a number, which no table has.
fn free_name(tables: &[Table], wanted: &str) -> String {
    let taken = |name: &String| tables.iter().any(|table| table.value("name") == Some(name));
    let mut name = values::text(&values::name(wanted));
    let mut number = 2_usize;
    while taken(&name) {
        name = values::text(&format!("{}-{number}", values::name(wanted)));
        number += 1;
    }
    name
}

/// Whether a site could have this name; the checks say whether it has.
fn is_host(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let name = name.strip_prefix("*.").unwrap_or(name);
    !name.is_empty() && name.bytes().all(fits)
}
