//! Pools in which operators' orders leave no node for new requests. This is allowed, but usually a mistake.

use super::model::{Config, Pool};
use super::text::errors::Problem;

/// The most nodes that a warning names.
const NAMED: usize = 8;

/// A warning for each such pool. `order_of` tells the order that a node has.
pub fn pools_without_nodes<'w>(config: &Config, order_of: impl Fn(&str) -> Option<&'w str>) -> Vec<Problem> {
    let warning = |pool: &Pool| {
        let nodes = pool.members.iter().filter_map(|member| config.nodes.get(member.node));
        let with_orders: Option<Vec<_>> = nodes.map(|node| Some((&node.name, order_of(&node.name)?))).collect();
        let with_orders = with_orders?;
        let (first, _) = with_orders.first()?;
        let named: Vec<_> = with_orders.iter().take(NAMED).map(|(node, order)| format!("{node} ({order})")).collect();
        let more = if with_orders.len() > NAMED { ", …" } else { "" };
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
