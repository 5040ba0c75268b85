//! `set_real_ip_from`: whose word about clients a listener believes.

use std::collections::BTreeSet;

use super::shared::set;
use crate::config::rules;
use crate::import::nginx::class::Class::Wider;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::table::Table;
use crate::import::nginx::values;

/// Networks in their order, each once.
pub(crate) type Networks = BTreeSet<String>;

/// The proxies that this server believes about its clients.
pub(crate) fn believed(scope: &Scope<'_>) -> Option<Networks> {
    let proxies = scope.all("set_real_ip_from");
    let networks = || proxies.iter().filter_map(|one| network(one));
    (!proxies.is_empty() && !is_told_otherwise(scope)).then(|| networks().collect())
}

/// Whether proxies tell in another field than X-Forwarded-For who the client is, or Weir does not know all of them.
pub(crate) fn is_told_otherwise(scope: &Scope<'_>) -> bool {
    let forwarded_for = |one: &Directive| one.word().eq_ignore_ascii_case("x-forwarded-for");
    let proxies = scope.all("set_real_ip_from");
    proxies.iter().any(|one| is_named(one))
        || !proxies.is_empty() && !scope.one("real_ip_header").is_some_and(forwarded_for)
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
pub(crate) fn write(table: &mut Table, servers: usize, scope: &Scope<'_>, verdicts: &Verdicts) {
    let proxies = scope.all("set_real_ip_from");
    let trusts = table.value("trusted-proxies").is_some();
    if proxies.is_empty() {
        return;
    }
    let header = scope.one("real_ip_header");
    if let Some(named) = proxies.iter().find(|one| is_named(one)) {
        let note = format!("{}: proxies are believed by their addresses, so no proxy is trusted here", named.word());
        return header.iter().chain(&proxies).for_each(|one| verdicts.missing(one, note.clone()));
    }
    if is_told_otherwise(scope) {
        let read = header.map_or("X-Real-IP", |one| one.word());
        let note = format!("{read}: a client's address is read from X-Forwarded-For, so no proxy is trusted here");
        header.iter().chain(&proxies).for_each(|one| verdicts.missing(one, note.clone()));
        return;
    }
    if !trusts && servers > 1 {
        let note = "the servers before it on this listener believe these proxies too";
        proxies.iter().for_each(|one| verdicts.say(one, Wider, "trusted-proxies", note));
    }
    header.iter().for_each(|one| verdicts.same(one, "trusted-proxies"));
    let networks = proxies.iter().filter_map(|one| network(one));
    let value = values::texts(networks.collect::<Vec<_>>().iter().map(String::as_str));
    proxies.iter().for_each(|one| set(table, "trusted-proxies", value.clone(), one, verdicts));
    let note = "the right-most address that is no trusted proxy, as with real_ip_recursive on";
    match scope.one("real_ip_recursive") {
        Some(one) if one.word() == "on" => verdicts.same(one, "trusted-proxies"),
        Some(one) => verdicts.say(one, Wider, "trusted-proxies", note),
        None => {
            let at = &table.from;
            verdicts.unwritten(at, "real_ip_recursive off", Wider, "trusted-proxies", note);
        }
    }
}
