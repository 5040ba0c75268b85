//! `passthrough` of a `[[site]]`: what goes with it, on the site itself and in its pool.

use crate::config::model::{Action, Balance, Config, HashOn, Listener, Pool, Site};
use crate::config::text::errors::Problems;
use crate::config::text::section::Section;

/// The keys of a site that are about HTTP, or about TLS that ends here.
const WITHOUT_EFFECT: [&str; 11] = [
    "certificate",
    "route",
    "redirect",
    "rate",
    "request-headers",
    "response-headers",
    "error-pages",
    "explain",
    "max-body",
    "via",
    "upgrades",
];

/// Refuses what does not go with it.
pub(super) fn check(section: &Section<'_>, site: &Site, listeners: &[Listener], pools: &[Pool]) {
    let why = "with passthrough = true: the client does TLS with the node, and Weir sees no request";
    section.no_effect(&WITHOUT_EFFECT, why, "leave it out, or leave passthrough out and give the site a certificate");
    let mut on = site.listeners.iter().filter_map(|index| listeners.get(*index));
    if let Some(plain) = on.find(|listener| listener.tls.is_none()) {
        let what = format!("passthrough needs TLS, and listener {:?} does not speak it", plain.name);
        section.refuse("listener", what, "name only listeners with a tls table, which may be empty: tls = {}");
    }
    if !section.has("pool") {
        let pool = pools.first().map_or("esb", |pool| &pool.name);
        section.problems.error(section.at(), "[[site]] has no pool", format!("write pool = {pool:?}"));
    } else if let Some(pool) = site.pool.and_then(|pool| pools.get(pool)) {
        check_pool(section, pool);
    }
}

fn check_pool(section: &Section<'_>, pool: &Pool) {
    let advice = "give this site a pool of its own; balance = \"hash\" with hash = { on = \"client\" } keeps a client on its node";
    let what = match &pool.balance {
        _ if pool.sticky.is_some() => {
            "keeps sessions (sticky), which a site with passthrough cannot: it sees no cookie"
        }
        Balance::Hash(on) | Balance::Ring(on) if *on != HashOn::Client => {
            "hashes a part of the request, and a site with passthrough sees no request"
        }
        _ => return,
    };
    section.refuse("pool", format!("pool {:?} {what}", pool.name), advice);
}

/// Warns of pools whose `tls` says something else than how clients reach the nodes through such a site.
pub(crate) fn warn_of_pools(config: &Config, problems: &Problems) {
    for (index, pool) in config.pools.iter().enumerate() {
        let Some(passing) = config.sites.iter().find(|site| site.passthrough && site.pool == Some(index)) else {
            continue;
        };
        let asking = config.sites.iter().find(|site| !site.passthrough && asks(site, index));
        let mut probes = pool.health.iter().flat_map(|health| &health.probes);
        let probes_tls = probes.any(|probe| probe.kind.is_tls() && probe.port == pool.port);
        let (what, advice) = match (&pool.tls, asking) {
            (Some(_), None) if !probes_tls => (
                format!(
                    "tls of pool {:?} has no effect: the clients of site {:?} do TLS with the nodes themselves",
                    pool.name, passing.name
                ),
                "leave it out; a probe of kind \"tls\" or \"https\" would use it",
            ),
            (None, Some(asking)) => (
                format!(
                    "site {:?} passes TLS through to port {} of pool {:?}, and site {:?} speaks plain HTTP to the same port",
                    passing.name, pool.port, pool.name, asking.name
                ),
                "give each site the pool of its port, or write tls = { … } on the pool if the port speaks TLS",
            ),
            _ => continue,
        };
        problems.warning(pool.at.clone(), what, advice);
    }
}

fn asks(site: &Site, pool: usize) -> bool {
    site.pool == Some(pool) || site.routes.iter().any(|route| route.action == Action::Pool(pool))
}
