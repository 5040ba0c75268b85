//! Ports of members that other nodes on the same address have for something else.

use super::compared::Across;
use super::members::own_host;
use crate::wso2::checks::MEMBER_PORT;
use crate::wso2::context::Context;
use crate::wso2::node::clustering::own_ports;

pub(crate) fn check(across: Across<'_>) {
    for (node, clustering) in across.clustering() {
        let Some((said, port)) = clustering.parameter("localMemberPort").and_then(|said| Some((said, said.port()?)))
        else {
            continue;
        };
        let host = own_host(across, node, clustering);
        for (other, theirs) in across.clustering().filter(|(other, _)| other.node != node.node) {
            let context = Context { node: other, view: across.view, findings: across.findings };
            let taken = own_ports(context).into_iter().find(|(_, taken)| *taken == port);
            if let Some((what, _)) = taken.filter(|_| own_host(across, other, theirs) == host) {
                let what =
                    format!("localMemberPort {port} is also the port of {what} of {}, on the same address", other.name);
                across.findings.error(MEMBER_PORT, &said.at, what, "write a port that nothing else has there");
            }
        }
    }
}
