//! What the tests of queues, of standbys and of explanations share: nodes whose requests to /hold wait for a gate.

use crate::harness::{Appliance, Gate, Origin, Plan, ok_with};

/// Answers with its name; holds every request to /hold… until the gate is open; /login/ID opens a session.
pub(crate) fn node(name: &'static str, gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::speaking(move |talk| {
        talk.body_length();
        let target = talk.target();
        if target.starts_with("/hold") {
            gate.pass();
        }
        let cookie = target
            .strip_prefix("/login/")
            .map_or_else(String::new, |id| format!("Set-Cookie: JSESSIONID={id}; Path=/\r\n"));
        talk.send(&ok_with(&cookie, name));
    })
}

/// Such nodes, their gate, and a Weir in front of them that explains itself.
pub(crate) struct World {
    pub(crate) nodes: Vec<Origin>,
    pub(crate) gate: Gate,
    pub(crate) weir: Appliance,
}

impl World {
    /// Nodes of these names before this pool, and a plan for the rest.
    #[track_caller]
    pub(crate) fn of(names: &[&'static str], pool: &str, more: impl FnOnce(Plan) -> Plan) -> Self {
        let gate = Gate::shut();
        let nodes = names.iter().map(|name| node(name, &gate)).collect();
        Self::before(nodes, gate, pool, more)
    }

    /// The same with other nodes.
    #[track_caller]
    pub(crate) fn before(nodes: Vec<Origin>, gate: Gate, pool: &str, more: impl FnOnce(Plan) -> Plan) -> Self {
        let all: Vec<&Origin> = nodes.iter().collect();
        let site = "explain = true\naccess-log = \"$dir/access.log\"";
        let weir = more(Plan::before(&all).pool(pool).site(site)).start();
        Self { nodes, gate, weir }
    }
}
