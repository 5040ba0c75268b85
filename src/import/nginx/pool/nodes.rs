//! Nodes: what stands in several upstreams under one address is one process, so that draining it takes it out everywhere.
//! When all of its ports are the usual ones of WSO2 plus the same number, that number is its port offset.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::net::IpAddr;

use super::draft::Draft;
use super::target::Endpoint;
use crate::import::nginx::parse::Origin;
use crate::import::nginx::table::Table;
use crate::import::nginx::values;

/// The ports of WSO2's servers without an offset: HTTP and HTTPS of workers, console HTTPS and HTTP.
const USUAL: [u16; 4] = [8280, 8243, 9443, 9763];
/// The largest offset that is looked for.
const LARGEST: u16 = 1000;

/// The nodes of all pools.
pub(crate) struct Nodes {
    pub(crate) tables: Vec<Table>,
    /// One line for people.
    pub(crate) told: String,
}

/// One process: its address and its offset.
type Process = (String, u16);

impl Nodes {
    /// Finds the processes, names them, and writes `nodes` and `port` of each pool.
    pub(super) fn of(pools: &mut [Draft]) -> Self {
        let mut ports = BTreeMap::<&str, BTreeSet<u16>>::new();
        for endpoint in pools.iter().flat_map(|pool| &pool.endpoints) {
            ports.entry(&endpoint.host).or_default().insert(endpoint.port);
        }
        let offsets: BTreeMap<String, Option<u16>> =
            ports.iter().map(|(host, ports)| ((*host).to_owned(), offset(ports))).collect();
        let mut found: Vec<(Process, Origin, BTreeSet<u16>)> = Vec::new();
        let mut known = HashMap::<Process, usize>::new();
        let mut places = Vec::new();
        for pool in pools.iter() {
            let (base, processes) = base_and_processes(&pool.endpoints, &offsets);
            for (process, endpoint) in processes.iter().zip(&pool.endpoints) {
                let at = *known.entry(process.clone()).or_insert(found.len());
                match found.get_mut(at) {
                    Some((.., ports)) => drop(ports.insert(endpoint.port)),
                    None => found.push((process.clone(), endpoint.at.clone(), BTreeSet::from([endpoint.port]))),
                }
            }
            places.push((base, processes));
        }
        let names = names(&found);
        for (pool, (base, processes)) in pools.iter_mut().zip(places) {
            let members = processes.iter().zip(&pool.endpoints).map(|(process, endpoint)| {
                let name = names.get(process).cloned().unwrap_or_default();
                member(&name, &endpoint.keys)
            });
            let members: Vec<String> = members.collect();
            pool.table.keys.insert(1, ("nodes".to_owned(), format!("[{}]", members.join(", "))));
            pool.table.keys.insert(2, ("port".to_owned(), base.to_string()));
        }
        Self { told: told(&found, &names), tables: found.iter().map(|found| table(found, &names)).collect() }
    }
}

fn member(name: &str, keys: &[(String, String)]) -> String {
    if keys.is_empty() {
        return values::text(name);
    }
    let node = ("node".to_owned(), values::text(name));
    values::inline(&[node].into_iter().chain(keys.iter().cloned()).collect::<Vec<_>>())
}

/// The offset of a process with these ports: at least two of them, and all usual ones plus the same number.
fn offset(ports: &BTreeSet<u16>) -> Option<u16> {
    let fits = |by: u16| ports.iter().all(|port| port.checked_sub(by).is_some_and(|base| USUAL.contains(&base)));
    (0..=LARGEST).find(|by| fits(*by)).filter(|by| *by == 0 || ports.len() > 1)
}

/// The port of the pool, and the process of each endpoint.
fn base_and_processes(endpoints: &[Endpoint], offsets: &BTreeMap<String, Option<u16>>) -> (u16, Vec<Process>) {
    let known = |one: &Endpoint| offsets.get(&one.host).copied().flatten();
    let bases: BTreeSet<u16> = endpoints.iter().map(|one| one.port.saturating_sub(known(one).unwrap_or(0))).collect();
    if let (1, Some(base)) = (bases.len(), bases.first()) {
        return (*base, endpoints.iter().map(|one| (one.host.clone(), one.port - base)).collect());
    }
    // Several processes on one address, or ports of which nothing is known: the distance to a usual port, else to the
    // lowest of them.
    let lowest = endpoints.iter().map(|one| one.port).min().unwrap_or(0);
    let usual = endpoints.iter().map(|one| one.port).find(|port| USUAL.contains(port)).filter(|port| *port == lowest);
    let base = usual.unwrap_or(lowest);
    (base, endpoints.iter().map(|one| (one.host.clone(), one.port - base)).collect())
}

fn names(found: &[(Process, Origin, BTreeSet<u16>)]) -> BTreeMap<Process, String> {
    let labels = counted(found.iter().filter_map(|((host, _), ..)| label(host)));
    let role_of = |offset: u16, ports: &BTreeSet<u16>| role(ports.iter().map(|port| port.saturating_sub(offset)));
    let roles = counted(found.iter().map(|((_, offset), _, ports)| role_of(*offset, ports)));
    let mut names = BTreeMap::<Process, String>::new();
    let (mut taken, mut counts) = (values::Names::default(), BTreeMap::<&str, usize>::new());
    for (process, _, ports) in found {
        let role = role_of(process.1, ports);
        let own = label(&process.0).filter(|label| labels.get(label) == Some(&1)).map(values::name);
        let name = own.unwrap_or_else(|| {
            let count = counts.entry(role).or_insert(0);
            *count += 1;
            let alone = role == "manager" && roles.get(role) == Some(&1);
            if alone { role.to_owned() } else { format!("{role}{count}") }
        });
        names.insert(process.clone(), taken.free(name));
    }
    names
}

/// The first part of a host's name.
fn label(host: &str) -> Option<&str> {
    let named = host.parse::<IpAddr>().is_err();
    host.split('.').next().filter(|label| named && !label.is_empty())
}

fn counted<'a>(all: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    all.fold(HashMap::new(), |mut counts, one| {
        *counts.entry(one).or_default() += 1;
        counts
    })
}

/// What a process with these ports does.
fn role(ports: impl Iterator<Item = u16>) -> &'static str {
    let ports: Vec<u16> = ports.collect();
    if ports.iter().any(|port| matches!(port, 8280 | 8243 | 8290 | 8253)) {
        "worker"
    } else if ports.iter().all(|port| matches!(port, 9443 | 9763)) {
        "manager"
    } else {
        "node"
    }
}

fn table(found: &(Process, Origin, BTreeSet<u16>), names: &BTreeMap<Process, String>) -> Table {
    let (process, at, _) = found;
    let mut table = Table::new("[[node]]", at);
    table.set("name", values::text(names.get(process).map_or("", String::as_str)));
    table.set("address", values::text(&process.0));
    if process.1 > 0 {
        table.set("port-offset", process.1.to_string());
    }
    table
}

fn told(found: &[(Process, Origin, BTreeSet<u16>)], names: &BTreeMap<Process, String>) -> String {
    let mut told = String::new();
    for (process, _, ports) in found {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let comma = if told.is_empty() { "" } else { ", " };
        let name = names.get(process).map_or("", String::as_str);
        let _ = write!(told, "{comma}{name} {} ({})", process.0, ports.join(" "));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_needs_two_ports_that_agree() {
        let cases: [(&[u16], Option<u16>); 7] = [
            (&[8280, 8243, 9443], Some(0)),
            (&[8290, 8253, 9453], Some(10)),
            (&[8281, 8244], Some(1)),
            (&[8290], None),
            (&[8280], Some(0)),
            (&[8080, 8443], None),
            (&[8280, 8244], None),
        ];
        for (ports, by) in cases {
            assert_eq!(offset(&ports.iter().copied().collect()), by, "{ports:?}");
        }
    }
}
