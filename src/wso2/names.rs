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
    for (name, place) in nodes.iter().flat_map(written) {
        names.entry(name).or_default().push(place);
    }
    let asked: Vec<String> = names.keys().take(MOST).cloned().collect();
    let last = asked.last().cloned();
    let found = answers(asked, LIMIT, |name| (name, 0).to_socket_addrs().is_ok_and(|mut all| all.next().is_some()));
    for (name, places) in &names {
        let what = match found.get(name) {
            Some(true) => continue,
            Some(false) => "has no address on this machine",
            None if last.as_ref() < Some(name) => "was not looked up: there are too many names",
            None => "was not resolved within 5 s",
        };
        places.iter().for_each(|place| say(findings, place, name, what));
    }
}

/// Which names have an address, of those for which that is known in time.
fn answers(names: Vec<String>, limit: Duration, has_address: fn(&str) -> bool) -> BTreeMap<String, bool> {
    let (send, told) = mpsc::channel();
    let mut left = names.len();
    for name in names {
        let send = send.clone();
        // A thread that the system lets wait is left behind: the process ends soon.
        let asked = thread::Builder::new().spawn(move || {
            let found = has_address(&name);
            let _nobody_waits = send.send(Some((name, found)));
        });
        left -= usize::from(asked.is_err());
    }
    let clock = thread::Builder::new().spawn(move || {
        thread::sleep(limit);
        let _nobody_waits = send.send(None);
    });
    drop(clock);
    let mut found = BTreeMap::new();
    while found.len() < left
        && let Ok(Some((name, has))) = told.recv()
    {
        found.insert(name, has);
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_answers_hold_nobody_up_together() {
        let names = ["known", "slow", "unknown"].map(str::to_owned).to_vec();
        let found = answers(names, Duration::from_millis(300), |name| {
            if name == "slow" {
                loop {
                    thread::park();
                }
            }
            name == "known"
        });
        let expected = [("known".to_owned(), true), ("unknown".to_owned(), false)];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
