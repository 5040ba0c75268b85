//! For `weir check`: pools whose nodes nobody probes. One warning for all of them: a pool may do without, if its operator knows it.

use crate::config::{Config, Problem};

/// How many pools are named.
const NAMED: usize = 5;

/// The warning, at the first of the pools.
pub(super) fn warning(config: &Config) -> Option<Problem> {
    let unprobed: Vec<_> = config.pools.iter().filter(|pool| pool.health.is_none()).collect();
    let first = unprobed.first()?;
    let named: Vec<&str> = unprobed.iter().take(NAMED).map(|pool| &*pool.name).collect();
    let more = match unprobed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (pools, have) = if unprobed.len() == 1 { ("pool", "has") } else { ("pools", "have") };
    Some(Problem {
        at: first.at.clone(),
        what: format!(
            "{pools} {}{more} {have} no probes: a node is active there until requests fail, also one that never answered",
            named.join(", ")
        ),
        advice: "[pool.health] with probes = [{ kind = \"tcp\" }] asks whether each node takes connections".to_owned(),
    })
}
