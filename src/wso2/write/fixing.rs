//! What an edit is made from: a finding, the node that it is about, and weir.toml.

use std::net::IpAddr;

use crate::config::{Address, Cluster};
use crate::wso2::checks::Check;
use crate::wso2::findings::Finding;
use crate::wso2::model::NodeFiles;
use crate::wso2::view::{Public, Role, View};

/// One finding that may be mended.
#[derive(Clone, Copy)]
pub(crate) struct Fixing<'a> {
    pub(crate) finding: &'a Finding,
    /// All that were found.
    pub(crate) all: &'a [Finding],
    pub(crate) node: &'a NodeFiles,
    pub(crate) nodes: &'a [NodeFiles],
    pub(crate) view: View<'a>,
}

impl<'a> Fixing<'a> {
    pub(crate) fn is(&self, check: Check) -> bool {
        self.finding.check == check
    }

    /// The first byte of its place.
    pub(crate) fn at(&self) -> usize {
        self.finding.problem.at.start()
    }

    /// The first bytes of the places of this check's findings in the same file.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        let of_file =
            |one: &&Finding| one.check == self.finding.check && one.problem.at.file == self.finding.problem.at.file;
        self.all.iter().filter(of_file).map(|one| one.problem.at.start())
    }

    pub(crate) fn role(&self) -> Role {
        self.node.role
    }

    pub(crate) fn cluster(&self) -> Option<&'a Cluster> {
        self.view.cluster()
    }

    /// The node's address, if weir.toml has it as a number. Which one a name has, only the operator knows.
    pub(crate) fn ip(&self, node: usize) -> Option<String> {
        match &self.view.node(node)?.address {
            Address::Ip(ip) => Some(ip.to_string()),
            Address::Name(_) => None,
        }
    }

    /// The port for messages of the cluster that weir.toml has for a node.
    pub(crate) fn member_port(&self, node: usize) -> Option<u16> {
        self.cluster()?.members.iter().find(|member| member.node == node).map(|member| member.port)
    }
}

/// The only value of these, each counted once. Of several the operator chooses.
pub(crate) fn only<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Option<T> {
    let mut all = all.into_iter();
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// The only host of these sites that is no pattern and, where there are names, no address; of several the one that most nodes have.
pub(crate) fn host(fixing: &Fixing<'_>, all: &[Public], said: impl Fn(&NodeFiles) -> Option<String>) -> Option<String> {
    let all: Vec<String> = all.iter().flat_map(Public::exact_hosts).collect();
    let names: Vec<String> = all.iter().filter(|host| host.parse::<IpAddr>().is_err()).cloned().collect();
    let one = only(if names.is_empty() { all.clone() } else { names });
    one.or_else(|| usual(fixing, said).filter(|host| all.contains(host)))
}

/// The value that more than half of the nodes have.
pub(crate) fn usual(fixing: &Fixing<'_>, value: impl Fn(&NodeFiles) -> Option<String>) -> Option<String> {
    let all: Vec<String> = fixing.nodes.iter().filter_map(value).collect();
    let count = |wanted: &String| all.iter().filter(|said| *said == wanted).count();
    all.iter().find(|said| 2 * count(said) > fixing.nodes.len()).cloned()
}

/// What the advice takes a misspelt name for.
pub(crate) fn meant(advice: &str) -> Option<&str> {
    advice.strip_prefix("did you mean \"")?.split('"').next()
}
