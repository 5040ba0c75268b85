//! `set_real_ip_from`: whose word about clients a listener believes.

use std::collections::BTreeSet;

use super::shared::set;
use crate::config::rules;
use crate::import::nginx::class::Class::{Same, Wider};
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::table::Table;
use crate::import::nginx::values;

/// Networks in their order, each once.
pub(crate) type Networks = BTreeSet<String>;

/// Which proxies are believed about clients, and how they tell.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Believed {
    tell: Tell,
    networks: Networks,
}

/// How proxies tell who their client is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tell {
    ForwardedFor,
    ProxyHeader,
}

impl Tell {
    fn of(header: &Directive) -> Option<Self> {
        match header.word().to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Some(Self::ForwardedFor),
            "proxy_protocol" => Some(Self::ProxyHeader),
            _ => None,
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::ForwardedFor => "trusted-proxies",
            Self::ProxyHeader => "proxy-protocol-from",
        }
    }
}

/// The proxies that this server believes about its clients, on a listener whose connections begin with a PROXY header or not.
pub(crate) fn believed(scope: &Scope<'_>, introduced: bool) -> Option<Believed> {
    let proxies = scope.all("set_real_ip_from");
    let tell =
        scope.one("real_ip_header").and_then(Tell::of).filter(|tell| introduced || *tell != Tell::ProxyHeader)?;
    let networks = || proxies.iter().filter_map(|one| network(one));
    (!proxies.is_empty() && !is_told_otherwise(scope)).then(|| Believed { tell, networks: networks().collect() })
}

/// Whether the senders of PROXY headers are named here.
pub(super) fn names_introducers(scope: &Scope<'_>) -> bool {
    believed(scope, true).is_some_and(|known| known.tell == Tell::ProxyHeader && !known.networks.is_empty())
}

/// Whether proxies tell in another way than by X-Forwarded-For or a PROXY header who the client is, or Weir does not know all of
/// them.
pub(crate) fn is_told_otherwise(scope: &Scope<'_>) -> bool {
    let proxies = scope.all("set_real_ip_from");
    proxies.iter().any(|one| is_named(one))
        || !proxies.is_empty() && scope.one("real_ip_header").and_then(Tell::of).is_none()
}

/// The network of the line. Nothing where it is a unix socket, or the name of a proxy.
fn network(proxies: &Directive) -> Option<String> {
    let network = values::network(proxies.word());
    rules::network(&network).map(|_| network)
}

/// Whether a proxy is named in another way than by its address.
fn is_named(proxies: &Directive) -> bool {
    proxies.word() != "unix:" && network(proxies).is_none()
}

/// Whose word about its clients a listener believes, of which so many servers are read. nginx reads X-Real-IP where no line
/// says otherwise.
pub(crate) fn write(table: &mut Table, (servers, introduced): (usize, bool), scope: &Scope<'_>, verdicts: &Verdicts) {
    let proxies = scope.all("set_real_ip_from");
    if proxies.is_empty() {
        return;
    }
    let header = scope.one("real_ip_header");
    if let Some(named) = proxies.iter().find(|one| is_named(one)) {
        let note = format!("{}: proxies are believed by their addresses, so no proxy is trusted here", named.word());
        return header.iter().chain(&proxies).for_each(|one| verdicts.missing(one, note.clone()));
    }
    let Some(tell) = header.and_then(Tell::of) else {
        let read = header.map_or("X-Real-IP", |one| one.word());
        let note = format!("{read}: a client's address is read from X-Forwarded-For, so no proxy is trusted here");
        header.iter().chain(&proxies).for_each(|one| verdicts.missing(one, note.clone()));
        return;
    };
    let key = tell.key();
    if tell == Tell::ProxyHeader && !introduced {
        let note = "no listen line of this address says proxy_protocol, so there is no other address";
        return header.iter().chain(&proxies).for_each(|one| verdicts.say(one, Same, key, note));
    }
    if table.value(key).is_none() && servers > 1 {
        let note = "the servers before it on this listener believe these proxies too";
        proxies.iter().for_each(|one| verdicts.say(one, Wider, key, note));
    }
    header.iter().for_each(|one| verdicts.same(one, key));
    let networks = proxies.iter().filter_map(|one| network(one));
    let value = values::texts(networks.collect::<Vec<_>>().iter().map(String::as_str));
    proxies.iter().for_each(|one| set(table, key, value.clone(), one, verdicts));
    let note = "the right-most address that is no trusted proxy, as with real_ip_recursive on";
    match scope.one("real_ip_recursive") {
        // A PROXY header names one client.
        Some(one) if one.word() == "on" || tell == Tell::ProxyHeader => verdicts.same(one, key),
        None if tell == Tell::ProxyHeader => {}
        Some(one) => verdicts.say(one, Wider, key, note),
        None => {
            let at = &table.from;
            verdicts.unwritten(at, "real_ip_recursive off", Wider, key, note);
        }
    }
}
