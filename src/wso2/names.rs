//! Whether names lead to an address. The system is asked, each name for a few seconds at most.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::checks::RESOLVES;
use super::findings::Findings;
use super::model::{NodeFiles, databases};
use crate::config::Place;

/// How long all names may take together.
const LIMIT: Duration = Duration::from_secs(5);
/// The most names that are asked for: each has a thread.
const MOST: usize = 64;

/// Asks for all names in the files of the nodes.
pub(crate) fn check(nodes: &[NodeFiles], findings: &Findings) {
    let mut names: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for node in nodes {
        for (name, place) in written(node) {
            let places = names.entry(name).or_default();
            places.push(place);
        }
    }
    let mut names: BTreeMap<String, Vec<Place>> = names.into_iter().take(MOST).collect();
    let (send, answers) = mpsc::channel();
    for name in names.keys() {
        let (send, name) = (send.clone(), name.clone());
        // A thread that the system lets wait is left behind: the process ends soon.
        let asked = thread::Builder::new().spawn(move || {
            let found = (name.as_str(), 0).to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some());
            let _nobody_waits = send.send((name, found));
        });
        drop(asked);
    }
    drop(send);
    while let Ok((name, found)) = answers.recv_timeout(LIMIT) {
        let places = names.remove(&name).unwrap_or_default();
        if !found {
            places.iter().for_each(|place| say(findings, place, &name, "has no address on this machine"));
        }
    }
    for (name, places) in &names {
        places.iter().for_each(|place| say(findings, place, name, "was not resolved within 5 s"));
    }
}

fn say(findings: &Findings, place: &Place, name: &str, what: &str) {
    findings.warning(
        RESOLVES,
        place,
        format!("{name:?} {what}"),
        "all nodes need it in DNS or /etc/hosts; ask there too: getent hosts NAME",
    );
}

/// The names that the nodes themselves look up.
fn written(node: &NodeFiles) -> Vec<(String, Place)> {
    let carbon = node.carbon.iter().flat_map(|carbon| [&carbon.host_name, &carbon.mgt_host_name]).flatten();
    let mut names: Vec<(String, Place)> = carbon.map(|said| (said.text.clone(), said.at.clone())).collect();
    for url in node.datasources.iter().flatten().filter_map(|source| source.url.as_ref()) {
        names.extend(databases::host(&url.text).map(|host| (host.to_owned(), url.at.clone())));
    }
    names.retain(|(name, _)| name.parse::<IpAddr>().is_err());
    names
}
