//! Where clients come in: each host of each site on each of its listeners, and the addresses at which it is asked.

use std::net::SocketAddr;

use tokio::net::lookup_host;

use super::report::{Report, Subject};
use super::ways::{Kind, Leads, Way, leads, ways};
use crate::config::{Config, HostPattern, Listener, Site};

/// `--through`: where the balancer is asked, in the place of what the host names resolve to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Through {
    listener: Option<String>,
    host: String,
    port: Option<u16>,
}

/// Reads `[LISTENER=]HOST[:PORT]`.
pub(super) fn through(text: &str) -> Result<Through, String> {
    let wrong = || "write HOST, HOST:PORT or LISTENER=HOST:PORT, such as 10.0.0.2 or https=10.0.0.2:8443".to_owned();
    let (listener, place) = match text.split_once('=') {
        Some((listener, place)) => (Some(listener.to_owned()), place),
        None => (None, text),
    };
    let bare = |host: &str| host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).map(str::to_owned);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if bare(host).is_some() || !host.contains(':') => {
            (bare(host).unwrap_or_else(|| host.to_owned()), Some(port.parse::<u16>().map_err(|_| wrong())?))
        }
        _ => (bare(place).unwrap_or_else(|| place.to_owned()), None),
    };
    if host.is_empty() || host.contains('/') || listener.as_deref() == Some("") {
        return Err(wrong());
    }
    Ok(Through { listener, host, port })
}

impl Through {
    /// The port at which it has this listener.
    fn port_of(&self, listener: &Listener) -> Option<u16> {
        let bound = listener.bind.port();
        match (&self.listener, self.port) {
            (Some(name), _) if **name != *listener.name => None,
            (Some(_), port) => Some(port.unwrap_or(bound)),
            (None, None) => Some(bound),
            (None, Some(port)) => [Some(bound), listener.public_port].contains(&Some(port)).then_some(port),
        }
    }
}

/// A host of a site on a listener.
#[derive(Clone, Debug)]
pub(super) struct Door<'a> {
    pub(super) site: &'a Site,
    pub(super) ways: Vec<Way<'a>>,
    pub(super) host: String,
    pub(super) tls: bool,
    /// That clients see.
    pub(super) port: u16,
    /// Where it is asked; empty where its name has no address.
    pub(super) places: Vec<SocketAddr>,
}

impl<'a> Door<'a> {
    /// Whether it leads to a pool of this kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.ways.iter().any(|way| way.kind == kind)
    }

    /// Where such a request goes.
    pub(super) fn leads(&self, method: &str, target: &str) -> Leads<'a> {
        leads(self.site, &self.ways, method, target)
    }

    /// The pool of this kind that clients ask here for that, and the target that its nodes get. A route may keep the
    /// request from going there.
    pub(super) fn asked(&self, kind: Kind, method: &str, target: &str) -> Option<(Way<'a>, String)> {
        let of_kind = |way: &Way<'_>| way.kind == kind;
        match self.leads(method, target) {
            Leads::To(way, sent) => of_kind(&way).then_some((way, sent)),
            Leads::Answered => Some((*self.ways.iter().find(|way| of_kind(way))?, target.to_owned())),
            Leads::Rest => None,
        }
    }

    /// For the Host field.
    pub(super) fn authority(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        if self.port == default { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    pub(super) const fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// `https://esb.wso2.com`
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }

    /// For a line of the report.
    pub(super) fn about(&self) -> String {
        format!("site {}", self.site.name)
    }
}

/// All doors. An error says what `--through` leaves open.
pub(super) async fn doors<'a>(config: &'a Config, through: &[Through]) -> Result<Vec<Door<'a>>, String> {
    let mut doors = Vec::new();
    for (index, site) in config.sites.iter().enumerate() {
        let ways = ways(config, index, site);
        for listener in site.listeners.iter().filter_map(|listener| config.listeners.get(*listener)) {
            let port = listener.public_port.unwrap_or(listener.bind.port());
            for host in site.hosts.iter().filter_map(exact) {
                let places = places(host, port, listener, through).await?;
                let (host, tls, ways) = (host.to_owned(), listener.tls.is_some(), ways.clone());
                doors.push(Door { site, ways, host, tls, port, places });
            }
        }
    }
    Ok(doors)
}

async fn places(host: &str, port: u16, listener: &Listener, through: &[Through]) -> Result<Vec<SocketAddr>, String> {
    if through.is_empty() {
        return Ok(resolved(host, port).await);
    }
    let mut all = Vec::new();
    for one in meant(through, &listener.name) {
        let Some(port) = one.port_of(listener) else { continue };
        let found = resolved(&one.host, port).await;
        if found.is_empty() {
            return Err(format!("--through: {} has no address", one.host));
        }
        all.extend(found);
    }
    if all.is_empty() {
        let (name, bind) = (&listener.name, listener.bind);
        return Err(format!("--through does not say where listener {name} ({bind}) is: add {name}=HOST:PORT"));
    }
    Ok(all)
}

/// What is said of this listener by name goes before what is said of all.
fn meant<'t>(through: &'t [Through], listener: &str) -> impl Iterator<Item = &'t Through> + use<'t> {
    let named = through.iter().map(|one| one.listener.as_deref()).find(|name| *name == Some(listener)).flatten();
    through.iter().filter(move |one| one.listener.as_deref() == named)
}

async fn resolved(host: &str, port: u16) -> Vec<SocketAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut all: Vec<_> = lookup_host((bare, port)).await.map(Iterator::collect).unwrap_or_default();
    all.dedup();
    all.truncate(MOST_ADDRESSES);
    all
}

fn exact(host: &HostPattern) -> Option<&str> {
    match host {
        HostPattern::Exact(host) => Some(host),
        HostPattern::Wildcard(_) => None,
    }
}

/// Whether the names of hosts have addresses, each once.
pub(super) async fn check(config: &Config, doors: &[Door<'_>], given: bool, report: &mut Report) {
    let mut seen: Vec<&str> = Vec::new();
    for door in doors {
        if seen.contains(&door.host.as_str()) {
            continue;
        }
        seen.push(&door.host);
        let subject = Subject::new("name", format!("host {}", door.host));
        let addresses = resolved(&door.host, door.port).await;
        let shown: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
        let advice = format!(
            "add it to DNS or to /etc/hosts of clients and nodes, with the balancer's address: ADDRESS {}",
            door.host
        );
        match (addresses.is_empty(), given) {
            (false, _) => report.passed(subject, format!("is {}", shown.join(", "))),
            (true, true) => report.warning(subject, "does not resolve on this machine", &advice),
            (true, false) => {
                report.failed(subject, "does not resolve on this machine: its sites are not asked", &advice);
            }
        }
    }
    for site in config.sites.iter().filter(|site| !site.hosts.iter().any(|host| exact(host).is_some())) {
        let subject = Subject::new("name", format!("site {}", site.name));
        report.skipped(subject, "it has no host without a star, so it is not asked");
    }
}

const MOST_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_listener_goes_before_what_names_none() {
        let all = ["10.0.0.2", "six=[::1]:8443"].map(|text| through(text).unwrap());
        let hosts = |listener: &str| meant(&all, listener).map(|one| one.host.clone()).collect::<Vec<_>>();
        assert_eq!(hosts("six"), ["::1"]);
        assert_eq!(hosts("https"), ["10.0.0.2"]);
    }

    #[test]
    fn through_names_a_host_and_perhaps_a_listener_and_a_port() {
        let read = |text: &str| {
            through(text).map(|Through { listener, host, port }| format!("{listener:?} {host} {port:?}")).ok()
        };
        for (text, expected) in [
            ("10.0.0.2", Some("None 10.0.0.2 None")),
            ("lb1:8443", Some("None lb1 Some(8443)")),
            ("https=lb1:8443", Some("Some(\"https\") lb1 Some(8443)")),
            ("[::1]:443", Some("None ::1 Some(443)")),
            ("::1", Some("None ::1 None")),
            ("", None),
            ("=lb1", None),
            ("lb1:http", None),
            ("https://lb1", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text:?}");
        }
    }
}
