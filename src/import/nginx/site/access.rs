//! Who may come, how often, and with how large a body.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::listen::{Listens, is_told_otherwise};
use crate::config::rules;
use crate::import::nginx::class::Class::{Changed, Ignored, Narrower, Refused, Same, Wider};
use crate::import::nginx::numbers;
use crate::import::nginx::parse::{Directive, Origin};
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::table::Table;
use crate::import::nginx::{values, variables};

/// The zones of `limit_req_zone`: key and rate by name.
pub(crate) struct Zones<'a> {
    all: BTreeMap<&'a str, &'a Directive>,
    /// Those that a site or a route has.
    used: RefCell<BTreeSet<usize>>,
}

impl<'a> Zones<'a> {
    pub(crate) fn of(http: &Scope<'a>, verdicts: &Verdicts) -> Self {
        let mut all = BTreeMap::new();
        for one in http.own("limit_req_zone") {
            if one.words.iter().any(|word| word == "sync") {
                let note = "each machine counts for itself, so more get through: write shared = true, with servers in [shared]";
                verdicts.say(one, Wider, "rate", note);
            } else {
                verdicts.say(one, Same, "rate", "");
            }
            let zone = one.words.iter().find_map(|word| word.strip_prefix("zone="));
            let name = zone.and_then(|zone| zone.split(':').next()).unwrap_or_default();
            if all.insert(name, one).is_some() {
                verdicts.say(one, Refused, "rate", "a zone of this name is written before");
            }
        }
        Self { all, used: RefCell::default() }
    }

    /// A server became several sites, of which each counts by itself.
    pub(super) fn split(&self, verdicts: &Verdicts) {
        let used: Vec<_> = self.all.values().filter(|zone| self.used.borrow().contains(&zone.id)).collect();
        used.into_iter().for_each(|zone| self.counts(zone, verdicts));
    }

    /// One more site or route has this zone. In nginx all of them share its count.
    fn counts(&self, zone: &Directive, verdicts: &Verdicts) {
        if !self.used.borrow_mut().insert(zone.id) {
            let note = "nginx counts all places of this zone together, Weir each site and route by itself, so more get through";
            verdicts.say(zone, Wider, "rate", note);
        }
    }
}

/// What the lines of `allow` and `deny` come to.
pub(crate) enum Access {
    Everyone,
    Nobody,
    Some {
        allow: Vec<String>,
        deny: Vec<String>,
    },
    /// An order that Weir cannot say.
    Unclear,
}

/// Reads the lines that hold here, on listeners that may believe other proxies about clients than nginx does here.
pub(crate) fn access(scope: &Scope<'_>, listens: Option<&Listens>, verdicts: &Verdicts) -> Access {
    let lines = scope.rules();
    if !lines.is_empty() && listens.is_some_and(|listens| listens.mistaken(scope)) {
        let note = "a listener believes its proxies for all requests, and nginx believes other ones here than elsewhere \
                    on it: so nobody is let in here";
        lines.iter().for_each(|one| verdicts.missing(one, note));
        return Access::Unclear;
    }
    if is_told_otherwise(scope) && !lines.is_empty() {
        let note = "the clients' addresses are not known here: set_real_ip_from without real_ip_header X-Forwarded-For";
        lines.iter().for_each(|one| verdicts.missing(one, note));
        return Access::Unclear;
    }
    let (mut allow, mut deny, mut closed, mut open) = (Vec::new(), Vec::new(), false, false);
    for (at, one) in lines.iter().enumerate() {
        verdicts.same(one, if one.name == "allow" { "allow-from" } else { "deny-from" });
        match (one.name.as_str(), one.word()) {
            _ if closed || open => {
                verdicts.say(one, Same, "", "never reached: a line before it is about everybody");
            }
            ("allow", "all") => open = true,
            ("deny", "all") => closed = true,
            (_, "unix:") => verdicts.missing(one, "clients come over TCP alone"),
            (_, word) if rules::network(&values::network(word)).is_none() => {
                verdicts.say(
                    one,
                    Refused,
                    "",
                    format!("{word} is no address and no network, so nobody is let in here"),
                );
                return Access::Unclear;
            }
            ("allow", network) if lies_within(network, &deny) => {
                verdicts.say(one, Same, "", "never reached: a line before it denies all of them");
            }
            ("allow", network) => allow.push(values::network(network)),
            // A part of what was allowed before: nginx would let it in.
            (_, _) if !allow.is_empty() => {
                let note = "deny-from is stronger than allow-from, in any order: write networks that do not overlap";
                lines.iter().skip(at).for_each(|one| verdicts.missing(one, note));
                return Access::Unclear;
            }
            (_, network) => deny.push(values::network(network)),
        }
    }
    match (closed, allow.is_empty(), deny.is_empty()) {
        (true, true, _) => Access::Nobody,
        (true, false, _) => Access::Some { allow, deny },
        (false, _, true) => Access::Everyone,
        (false, _, false) => Access::Some { allow: Vec::new(), deny },
    }
}

/// Whether one of these networks has all addresses of this one.
fn lies_within(network: &str, others: &[String]) -> bool {
    let Some(own) = rules::network(&values::network(network)) else { return false };
    others.iter().filter_map(|other| rules::network(other)).any(|other| other.contains(&own))
}

/// Writes `allow-from` and `deny-from`. False where nobody may come, or it is not clear who.
pub(crate) fn write(table: &mut Table, access: &Access) -> bool {
    match access {
        Access::Everyone => true,
        Access::Nobody | Access::Unclear => false,
        Access::Some { allow, deny } => {
            for (key, networks) in [("allow-from", allow), ("deny-from", deny)] {
                if !networks.is_empty() {
                    table.set(key, values::texts(networks.iter().map(String::as_str)));
                }
            }
            true
        }
    }
}

/// Writes `rate`: the first of the lines that Weir can have.
pub(super) fn rate(table: &mut Table, scope: &Scope<'_>, zones: &Zones<'_>, listens: &Listens, verdicts: &Verdicts) {
    let lines = scope.all("limit_req");
    if scope.is_on("limit_req_dry_run") {
        let dry = scope.all("limit_req_dry_run");
        return lines.iter().chain(&dry).for_each(|one| verdicts.say(one, Ignored, "", "a dry run refuses nothing"));
    }
    for one in &lines {
        if table.value("rate").is_some() {
            verdicts.missing(one, "a place has one rate");
        } else if let Some(rate) = one_rate(one, zones, verdicts) {
            table.set("rate", rate);
        }
    }
    let Some(rate) = table.value("rate") else { return };
    if !rate.contains("by = ") && listens.mistaken(scope) {
        let note = "a client is who a proxy says that it is, which nginx does not believe here";
        lines.iter().for_each(|one| verdicts.add(one, note));
    }
    for name in ["limit_req_status", "limit_req_log_level", "limit_req_dry_run"] {
        if let Some(status) = scope.one(name) {
            verdicts.say(status, Changed, "rate", "429 with Retry-After; refusals are in the access log");
        }
    }
}

/// The table `rate` of this line. Nothing, with a verdict, where Weir has no such rate.
fn one_rate(one: &Directive, zones: &Zones<'_>, verdicts: &Verdicts) -> Option<String> {
    let refused = |on: &Directive, note: &str| {
        verdicts.say(on, Refused, "rate", note);
        None
    };
    let value = |key: &str| one.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let Some(zone) = value("zone").and_then(|name| zones.all.get(name)) else {
        return refused(one, "no limit_req_zone has this name");
    };
    let rate = zone.words.iter().find_map(|word| {
        let rate = word.strip_prefix("rate=")?;
        [("r/s", "\"1s\""), ("r/m", "\"1m\"")].into_iter().find_map(|(unit, per)| Some((rate.strip_suffix(unit)?, per)))
    });
    let Some((requests, per)) = rate else {
        return refused(zone, "write rate=100r/s or rate=100r/m");
    };
    let burst = value("burst").map(|burst| numbers::number(burst, ("site.rate", "burst"), one, verdicts));
    let whole = values::number(requests).is_some_and(|requests| requests > 0) && burst != Some(None);
    let Some(requests) = numbers::number(requests, ("site.rate", "requests"), zone, verdicts).filter(|_| whole) else {
        return refused(one, "rate and burst are whole numbers, and a rate is above 0");
    };
    let mut pairs = vec![("requests".to_owned(), requests), ("per".to_owned(), per.to_owned())];
    let burst = burst.flatten().map(|burst| ("burst".to_owned(), burst));
    // Without a burst nothing may wait.
    let delays =
        burst.as_ref().is_some_and(|(_, burst)| burst != "0") && !one.words.iter().any(|word| word == "nodelay");
    pairs.extend(burst);
    if delays {
        pairs.push(("excess".to_owned(), "\"delay\"".to_owned()));
    }
    match zone.word() {
        "$binary_remote_addr" | "$remote_addr" => {}
        key => match variables::named(key, "$http_") {
            Some(field) => {
                let field = values::text(&field.replace('_', "-"));
                pairs.extend([("by".to_owned(), "\"header\"".to_owned()), ("header".to_owned(), field)]);
            }
            None => {
                let note = format!("{key}: rates are by client or by header");
                verdicts.missing(zone, note.clone());
                verdicts.missing(one, note);
                return None;
            }
        },
    }
    let note = "beyond it 429 with Retry-After, not 503; an IPv6 network of 64 bits is one client";
    verdicts.say(one, Changed, "rate", note);
    if let (true, Some(number)) = (delays, value("delay")) {
        verdicts.add(
            one,
            &format!("all requests of the burst wait for their turn, not only those behind the first {number}"),
        );
    }
    zones.counts(zone, verdicts);
    Some(values::inline(&pairs))
}

/// Writes `max-body` of a site; the default of nginx is told where nothing is written.
pub(super) fn body(table: &mut Table, scope: &Scope<'_>, at: &Origin, verdicts: &Verdicts) {
    let Some(one) = scope.one("client_max_body_size") else {
        let note = "bodies have no limit; max-body = \"1MiB\" on the site is nginx's";
        return verdicts.unwritten(at, "client_max_body_size 1m", Wider, "max-body", note);
    };
    match values::bytes(one.word()) {
        Some(0) => verdicts.same(one, "max-body: no limit"),
        Some(bytes) => {
            table.set("max-body", numbers::size(bytes, ("site", "max-body"), one, verdicts));
            verdicts.same(one, "max-body");
        }
        None => verdicts.say(one, Refused, "max-body", "write a size such as 10m"),
    }
}

/// Writes `max-body` of a route, where its location says something of its own.
pub(super) fn own_body(table: &mut Table, scope: &Scope<'_>, verdicts: &Verdicts) {
    let Some(one) = scope.own("client_max_body_size").into_iter().next() else { return };
    match values::bytes(one.word()) {
        Some(bytes) => {
            table.set("max-body", numbers::size(bytes, ("site.route", "max-body"), one, verdicts));
            verdicts.same(one, "max-body");
        }
        None => verdicts.say(one, Refused, "max-body", "write a size such as 10m"),
    }
}

/// What a location says of logs, of which its site has one of each kind.
pub(super) fn logs_of_a_place(scope: &Scope<'_>, verdicts: &Verdicts) {
    for one in scope.own("access_log") {
        let (class, note) = match one.word() {
            "off" | "/dev/null" => {
                (Wider, "the site's requests are all logged, these too; access-log = \"off\" is for a whole site")
            }
            _ => (Changed, "in the log of the site"),
        };
        verdicts.say(one, class, "access-log", note);
    }
    for one in scope.own("error_log") {
        verdicts.say(one, Changed, "error-log", "in the log of the site");
    }
}

/// Writes `access-log` and `error-log`. A directory that is not there would be an error of Weir's.
pub(crate) fn logs(table: &mut Table, lines: &[&Directive], scope: &Scope<'_>, verdicts: &Verdicts) {
    for one in lines {
        let key = if one.name == "access_log" { "access-log" } else { "error-log" };
        if table.value(key).is_some() {
            verdicts.missing(one, "a site has one log of each kind");
            continue;
        }
        let (value, class, note) = destination(one.word(), &one.name, scope);
        let format = one.name == "access_log"
            && one.words.get(1).is_some_and(|format| !format.contains('=') && format != "combined");
        let conditional = one.words.iter().any(|word| word.starts_with("if="));
        let (class, note) = match (class, format) {
            _ if conditional => (Wider, "if=: every request is logged"),
            (Same, true) => {
                (Changed, "in the combined form, with key=value pairs after it; log-format = \"json\" is the other")
            }
            other => (other.0, note),
        };
        table.set(key, values::text(&value));
        verdicts.say(one, class, key, note);
    }
}

fn destination(
    word: &str,
    name: &str,
    scope: &Scope<'_>,
) -> (String, crate::import::nginx::class::Class, &'static str) {
    let is_error_log = name == "error_log";
    match word {
        "off" if !is_error_log => ("off".to_owned(), Same, ""),
        "/dev/null" => ("off".to_owned(), Same, ""),
        "stderr" | "/dev/stdout" | "/dev/stderr" => {
            ("journal".to_owned(), Same, "standard error, which the journal takes")
        }
        word if word.starts_with("syslog:") || word.starts_with("memory:") || word.contains('$') => {
            ("journal".to_owned(), Changed, "to the journal: a file, the journal or off")
        }
        word => {
            let path = scope.file(word);
            let file = std::path::Path::new(&path);
            if file.parent().is_some_and(std::path::Path::is_dir) && !file.is_dir() {
                (path, Same, "")
            } else {
                ("journal".to_owned(), Changed, "to the journal, since that directory is not here")
            }
        }
    }
}

/// The most connections, which Weir counts for a listener.
pub(super) fn connections(scope: &Scope<'_>, verdicts: &Verdicts) {
    for one in scope.all("limit_conn") {
        verdicts.missing(one, "connections are counted for a listener: max-connections-per-client there");
    }
    for one in scope.all("limit_conn_status") {
        verdicts.say(one, Narrower, "", "further connections are closed");
    }
}
