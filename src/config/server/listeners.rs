//! `[admin]` and `[[listener]]`: the addresses that Weir listens on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::config::model::{Access, Listener, ListenerTls};
use crate::config::text::errors::Place;
use crate::config::text::section::Section;
use crate::config::text::value::Text;
use crate::config::values::{addresses, limits};

/// Addresses that are already used, to find one that is used twice.
#[derive(Default)]
pub(crate) struct Binds {
    admin: Option<SocketAddr>,
    taken: HashMap<SocketAddr, (String, Place)>,
}

/// The admin address when the file has none.
pub(crate) const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9180);
const ADMIN_NAME: &str = "[admin]";

/// Reads one listener. `shares`: there are servers that other machines have, too.
pub(crate) fn read(section: &Section<'_>, name: Arc<str>, binds: &mut Binds, shares: bool) -> Listener {
    let bind = section.required_parsed("bind", addresses::bind);
    if let Some(bind) = bind {
        binds.take(bind, format!("listener {name:?}"), section);
    }
    let tls = section
        .section("tls", "listener.tls")
        .map(|tls| ListenerTls { min_version: tls.choice("min-version").unwrap_or_default() });
    if tls.is_none() {
        warn_of_tls_keys(section);
    }
    Listener {
        name,
        bind: bind.unwrap_or(ADMIN),
        free_bind: section.flag("free-bind"),
        tls,
        http2: section.flag("http2"),
        handshake_timeout: section.duration("handshake-timeout"),
        head_timeout: section.duration("head-timeout"),
        idle_timeout: section.duration("idle-timeout"),
        body_timeout: section.duration("body-timeout"),
        write_timeout: section.duration("write-timeout"),
        max_head: usize::try_from(section.size("max-head")).unwrap_or(usize::MAX),
        max_fields: section.integer("max-fields"),
        max_requests: section.integer("max-requests"),
        http2_idle_timeout: section.duration("http2-idle-timeout"),
        trusted_proxies: networks(
            section,
            "trusted-proxies",
            "allow-from, rate and sticky sessions go by what they say",
        ),
        proxy_protocol_from: proxy_protocol_from(section),
        request_id: section.choice("request-id").unwrap_or_default(),
        traceparent: section.choice("traceparent").unwrap_or_default(),
        public_port: section.optional_integer("public-port"),
        max_connections: section.optional_integer("max-connections"),
        max_connections_per_client: per_client(section),
        access: access(section),
        rate: limits::rate(section, shares),
        at: section.at(),
    }
}

fn per_client(section: &Section<'_>) -> Option<u32> {
    let (all, one) =
        (section.optional_integer("max-connections"), section.optional_integer("max-connections-per-client"));
    if let (Some(all), Some(one)) = (all, one)
        && one > all
    {
        let what = format!("max-connections-per-client: {one} is above max-connections, {all}");
        section.refuse("max-connections-per-client", what, "write a smaller number, or leave one of them out");
    }
    one
}

/// Who may connect: the peers, which behind a proxy are the proxies.
fn access(section: &Section<'_>) -> Access {
    if section.has("deny-from") && section.has("trusted-proxies") && !section.is_empty_list("trusted-proxies") {
        let what =
            "deny-from of a listener is about who connects: of clients behind the trusted proxies it knows nothing";
        section.problems.warning(section.place_of("deny-from"), what, "write it on the sites");
    }
    limits::access(section)
}

fn proxy_protocol_from(section: &Section<'_>) -> Vec<IpNet> {
    let all = networks(section, "proxy-protocol-from", "they say where each connection is from").unwrap_or_default();
    if section.is_empty_list("proxy-protocol-from") {
        let advice = "name the proxies in front, as in [\"10.0.0.5\"], or leave it out";
        section.refuse("proxy-protocol-from", "proxy-protocol-from: the list is empty, nobody could connect", advice);
    }
    all
}

/// The networks of proxies that are believed. `why` names what goes by what they say.
fn networks(section: &Section<'_>, key: &'static str, why: &str) -> Option<Vec<IpNet>> {
    let written = section.texts(key)?;
    let network = |text: &Text<'_>| {
        let network = text.parsed(addresses::network)?;
        if network.prefix_len() == 0 {
            let what = format!("{key}: {network} believes everybody, who may then pass for any other client");
            section.problems.warning(text.at.clone(), what, format!("name the proxies in front; {why}"));
        }
        Some(network)
    };
    Some(written.iter().filter_map(network).collect())
}

fn warn_of_tls_keys(section: &Section<'_>) {
    for key in ["http2", "handshake-timeout", "http2-idle-timeout"] {
        if section.has(key) && !section.has("tls") {
            let what = format!("{key} has no effect on a listener without tls");
            section.problems.warning(section.place_of(key), what, "leave it out, or write tls = {}");
        }
    }
}

impl Binds {
    /// Takes the admin address, before all others.
    pub(super) fn take_admin(&mut self, bind: SocketAddr, at: Place) {
        self.admin = Some(bind);
        self.taken.insert(bind, (ADMIN_NAME.to_owned(), at));
    }

    pub(super) fn take(&mut self, bind: SocketAddr, who: String, section: &Section<'_>) {
        let beside = self.admin.filter(|admin| shadows(*admin, bind));
        match self.taken.get(&beside.unwrap_or(bind)) {
            Some((other, place)) => {
                let whose = if place.line == 0 { " by default".to_owned() } else { format!(": {place}") };
                section.refuse(
                    "bind",
                    format!("bind: {bind} is taken by {other}{whose}"),
                    "choose another address or port",
                );
            }
            None => {
                self.taken.insert(bind, (who, section.place_of("bind")));
            }
        }
    }
}

// Listeners may share a port on different addresses. As in nginx, the more specific address wins. The admin address is
// bound without sharing, so a listener on all addresses and the admin address cannot have the same port.
pub(crate) fn shadows(admin: SocketAddr, bind: SocketAddr) -> bool {
    let general = admin.ip().is_unspecified() || bind.ip().is_unspecified();
    general && admin.is_ipv4() == bind.is_ipv4() && admin.port() == bind.port()
}
