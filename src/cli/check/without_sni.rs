//! What a TLS listener answers clients that send no server name (SNI): those that call an address, and old TLS libraries.

use std::net::IpAddr;

use crate::config::{Config, HostPattern, Site};

/// The site whose certificate they get: the one with `nameless`, else the default, else the first.
pub(super) fn site(config: &Config, listener: usize) -> Option<&Site> {
    config.listeners.get(listener)?.tls.as_ref()?;
    let here = || sites(config, listener);
    here().find(|site| site.nameless).or_else(|| here().find(|site| site.default)).or_else(|| here().next())
}

/// The same as text, and the sites that are found by the address that was called.
pub(super) fn words(config: &Config, listener: usize) -> Vec<String> {
    let Some(shown) = site(config, listener) else { return Vec::new() };
    let takes =
        if shown.nameless || shown.default { String::new() } else { "; their Host must name a site".to_owned() };
    let others = format!("without a server name: the certificate of {}{takes}", shown.name);
    let named = sites(config, listener).flat_map(|site| {
        let addresses = site.hosts.iter().filter(|host| is_address(host));
        addresses.map(move |address| format!("without one at {address}: that of {}", site.name))
    });
    [others].into_iter().chain(named).collect()
}

fn sites(config: &Config, listener: usize) -> impl Iterator<Item = &Site> {
    config.sites.iter().filter(move |site| site.listeners.contains(&listener))
}

fn is_address(host: &HostPattern) -> bool {
    match host {
        HostPattern::Exact(name) => name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok(),
        HostPattern::Wildcard(_) => false,
    }
}
