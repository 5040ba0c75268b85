//! What is not wrong, because somebody wanted it, and may be forgotten.

use crate::control::changes::operations::Operation;
use crate::control::state::Control;
use crate::control::store::moments;
use crate::proxy::generation::Generation;

/// So many nodes in the same state are named.
const NAMED: usize = 2;

/// What is to be remembered: sites and routes that are closed, nodes that are taken out.
pub(super) fn of(control: &Control, generation: &Generation) -> Vec<String> {
    let config = &generation.snapshot.config;
    let closed = config.sites.iter().filter_map(|site| site.closed().sentence(&site.name));
    let operations = control.operations.lock();
    let ordered: Vec<&Operation> = config.nodes.iter().filter_map(|node| operations.of_order(&node.name)).collect();
    closed.chain(of_nodes(&ordered, moments::now().seconds())).collect()
}

/// The nodes that are taken out, by how they are: `worker1 in maintenance for 3 h, by uid:0 (root): kernel update`.
fn of_nodes(ordered: &[&Operation], now: u64) -> Vec<String> {
    let mut words: Vec<&str> = ordered.iter().map(|operation| operation.word()).collect();
    words.sort_unstable();
    words.dedup();
    let told = words.into_iter().map(|word| {
        let those: Vec<&Operation> = ordered.iter().filter(|operation| operation.word() == word).copied().collect();
        match those[..] {
            [one] => alone(one, now),
            _ if those.len() <= NAMED => {
                let names: Vec<&str> = those.iter().map(|operation| &*operation.node).collect();
                format!("{} {word}", names.join(" and "))
            }
            _ => format!("{} nodes {word}", those.len()),
        }
    });
    told.collect()
}

/// The age is told from an hour on: what is younger is not forgotten.
fn alone(operation: &Operation, now: u64) -> String {
    let hours = now.saturating_sub(operation.told.started) / 3600;
    let age = match hours {
        0 => String::new(),
        1..48 => format!(" for {hours} h"),
        _ => format!(" for {} days", hours / 24),
    };
    let (word, actor) = (operation.word(), operation.told.by());
    let reason = operation.told.reason.as_ref().map(|reason| format!(": {reason}"));
    format!("{} {word}{age}, by {actor}{}", operation.node, reason.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::orders_file::{OperationKind, OperationState, WrittenOperation};

    #[test]
    fn one_node_is_told_whole_and_many_are_counted() {
        let of = |node: &str, kind, state| Operation {
            node: node.to_owned(),
            told: WrittenOperation {
                machine: None,
                id: 1,
                kind,
                state,
                started: 1_000_000,
                ended: None,
                actor: "alice".to_owned(),
                reason: Some("kernel update".to_owned()),
            },
            deadline: None,
            warnings: Vec::new(),
            holds: true,
        };
        let resting = ["a", "b", "c"].map(|node| of(node, OperationKind::Maintain, OperationState::Done));
        let draining = of("d", OperationKind::Drain, OperationState::Running);
        let told = |ordered: &[&Operation], hours: u64| of_nodes(ordered, 1_000_000 + hours * 3600);
        assert_eq!(told(&[], 0), [""; 0]);
        let [a, b, c] = &resting;
        for (hours, age) in [(0, ""), (3, " for 3 h"), (47, " for 47 h"), (72, " for 3 days")] {
            assert_eq!(told(&[a], hours), [format!("a in maintenance{age}, by alice: kernel update")]);
        }
        let two = told(&[a, &draining, b], 0);
        assert_eq!(two, ["d draining, by alice: kernel update", "a and b in maintenance"]);
        assert_eq!(told(&[a, b, c], 9), ["3 nodes in maintenance"]);
    }
}
