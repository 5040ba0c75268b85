//! What a TLS listener answers clients that send no server name (SNI): those that call an address, and old TLS libraries.

use std::net::IpAddr;

use crate::config::{Config, HostPattern, Site};

/// The site whose certificate they get: the one with `nameless`, else the default, else the first that shows one. The first
/// two may also pass them through.
pub(super) fn site(config: &Config, listener: usize) -> Option<&Site> {
    config.listeners.get(listener)?.tls.as_ref()?;
    let here = || sites(config, listener);
    here()
        .find(|site| site.nameless)
        .or_else(|| here().find(|site| site.default))
        .or_else(|| here().find(|site| !site.passthrough))
}

/// The same as text, and the sites that are found by the address that was called.
pub(super) fn words(config: &Config, listener: usize) -> Vec<String> {
    let others = match site(config, listener) {
        None => return Vec::new(),
        Some(site) if site.passthrough => format!("without a server name: passed through by {}", site.name),
        Some(site) if site.nameless || site.default => {
            format!("without a server name: the certificate of {}", site.name)
        }
        Some(site) => {
            format!("without a server name: the certificate of {}; their Host must name a site", site.name)
        }
    };
    let named = sites(config, listener).flat_map(|site| {
        let addresses = site.hosts.iter().filter(|host| is_address(host));
        let what = if site.passthrough { "passed through by" } else { "that of" };
        addresses.map(move |address| format!("without one at {address}: {what} {}", site.name))
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
