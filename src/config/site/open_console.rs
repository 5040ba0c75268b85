//! Warns of a site that shows WSO2's management console to everybody.

use std::net::SocketAddr;

use super::changed_paths::public_paths;
use crate::config::model::{Action, Listener, Pool, Route, Site};
use crate::config::text::section::Section;
use crate::config::values::wso2;
use crate::config::values::wso2::CONSOLE;

/// Warns of the site if every client that reaches one of its listeners gets to the console.
pub(super) fn warn(section: &Section<'_>, site: &Site, listeners: &[Listener], pools: &[Pool]) {
    let mut on = site.listeners.iter().filter_map(|index| listeners.get(*index));
    let Some(listener) = on.find(|listener| is_reached(listener.bind)) else { return };
    let pool = console(site).and_then(|index| pools.get(index)).filter(|pool| wso2::is_carbon(pool.port));
    if let Some(pool) = pool.filter(|_| site.access.allow.is_none()) {
        let what = format!(
            "site {:?} leads to the management console (pool {:?}, port {}), and every client of {} may come",
            site.name, pool.name, pool.port, listener.bind
        );
        let advice = "write allow-from = [\"10.0.0.0/8\"] with the networks that may manage; all others get 403";
        section.problems.warning(section.at(), what, advice);
    }
}

fn is_reached(bind: SocketAddr) -> bool {
    !bind.ip().is_loopback()
}

/// The pool that a request for the console certainly goes to, by whatever path the node is asked for it. `None` where a
/// route may say otherwise.
fn console(site: &Site) -> Option<usize> {
    public_paths(site, CONSOLE).into_iter().find_map(|(_, route)| match route {
        None => site.pool,
        Some(Route { action: Action::Pool(pool), access, .. }) if access.allow.is_none() => Some(*pool),
        Some(_) => None,
    })
}
