//! Lines for /etc/hosts of the nodes: the names of the cluster that weir.toml has.

use crate::config::{Address, Config, HostPattern, Site};
use crate::wso2::host_of_database;

/// The lines. An address that weir.toml does not have is left to the operator, in a comment.
pub(super) fn lines(config: &Config) -> String {
    let mut lines = vec!["# the nodes".to_owned()];
    lines.extend(config.nodes.iter().filter_map(|node| match &node.address {
        Address::Ip(ip) => Some(format!("{ip}\t{}", node.name)),
        Address::Name(_) => None,
    }));
    let mut sites: Vec<(Option<String>, String)> = config.sites.iter().flat_map(|site| names(config, site)).collect();
    sites.sort();
    sites.dedup();
    if !sites.is_empty() {
        lines.push("# by these names clients reach Weir; a node asks some of them too".to_owned());
    }
    lines.extend(sites.iter().map(|(address, name)| match address {
        Some(address) => format!("{address}\t{name}"),
        None => format!("# ADDRESS-OF-WEIR\t{name}"),
    }));
    let database = config.cluster.as_ref().and_then(|cluster| cluster.database.as_ref());
    if let Some(host) = database.and_then(|database| host_of_database(&database.url)) {
        lines.push(format!("# ADDRESS-OF-DATABASE\t{host}"));
    }
    lines.join("\n") + "\n"
}

/// The exact names of a site, with the address of a listener that has one of its own.
fn names(config: &Config, site: &Site) -> Vec<(Option<String>, String)> {
    let addresses =
        site.listeners.iter().filter_map(|listener| config.listeners.get(*listener)).map(|one| one.bind.ip());
    let address = addresses.filter(|ip| !ip.is_unspecified() && !ip.is_loopback()).map(|ip| ip.to_string()).next();
    let exact = site.hosts.iter().filter_map(|host| match host {
        HostPattern::Exact(name) if name.parse::<std::net::IpAddr>().is_err() => Some(name.to_string()),
        _ => None,
    });
    exact.map(|name| (address.clone(), name)).collect()
}
