//! Pools that are left without a node for new requests by what operators said: allowed, but mostly an oversight.

use super::model::{Config, Pool};
use super::text::errors::Problem;

/// Nodes that a warning names.
const NAMED: usize = 8;

/// A warning for each, by the word that a node is under.
pub fn at_rest<'w>(config: &Config, word_of: impl Fn(&str) -> Option<&'w str>) -> Vec<Problem> {
    let warning = |pool: &Pool| {
        let nodes = pool.members.iter().filter_map(|member| config.nodes.get(member.node));
        let under: Option<Vec<_>> = nodes.map(|node| Some((&node.name, word_of(&node.name)?))).collect();
        let under = under?;
        let (first, _) = under.first()?;
        let named: Vec<_> = under.iter().take(NAMED).map(|(node, word)| format!("{node} ({word})")).collect();
        let more = if under.len() > NAMED { ", …" } else { "" };
        Some(Problem {
            at: pool.at.clone(),
            what: format!(
                "pool {:?} has no node for new requests: all of its nodes are under operators' words: {}{more}",
                pool.name,
                named.join(", ")
            ),
            advice: format!("`weir activate {}`, or name other nodes", first),
        })
    };
    config.pools.iter().filter_map(warning).collect()
}
