//! Pools in which operators' orders leave no node for new requests. This is allowed, but usually a mistake.

use super::model::{Config, Pool};
use super::text::errors::Problem;

/// The most nodes that a warning names.
const NAMED: usize = 8;

/// A warning for each such pool. `word_of` tells the order that a node has.
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
                "pool {:?} has no node for new requests: all of its nodes have operators' orders: {}{more}",
                pool.name,
                named.join(", ")
            ),
            advice: format!("`weir activate {}`, or name other nodes", first),
        })
    };
    config.pools.iter().filter_map(warning).collect()
}
