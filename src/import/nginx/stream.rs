//! A server in `stream` with `ssl_preread on` becomes sites with `passthrough`: one for each pool that its map leads to, or
//! one for all names. Other TCP is not carried.

use std::collections::BTreeMap;
use std::path::Path;

use super::class::Class::{Changed, Ignored, Narrower, Refused, Same, Wider};
use super::kept::Kept;
use super::known;
use super::parse::Directive;
use super::report::Verdicts;
use super::scope::Scope;
use super::site::{Sites, access};
use super::table::Table;
use super::values;
use crate::config::rules;

/// Whether the block passes TLS through.
pub(super) fn passes(stream: &Directive) -> bool {
    let preread = |one: &Directive| one.name == "ssl_preread" && one.word() == "on";
    stream.inside().iter().any(|one| preread(one) || one.name == "server" && one.inside().iter().any(preread))
}

/// Reads a block that does.
pub(super) fn read<'a>(stream: &'a Directive, prefix: &'a Path, sites: &mut Sites<'a, '_>) {
    let scope = Scope::new(&stream.inside().iter().collect::<Vec<_>>(), prefix);
    sites.verdicts.say(stream, Same, "passthrough", "TLS alone; other TCP is not carried");
    sites.pools.know_streams(&scope);
    scope.own("server").into_iter().for_each(|server| add(server, &scope, sites));
}

/// Clients that go to one pool.
#[derive(Default)]
struct Taken {
    hosts: Vec<String>,
    default: bool,
    nameless: bool,
}

/// Which clients go where.
struct Targets<'a> {
    led: Vec<(&'a str, Taken)>,
    /// Those whose connections are closed.
    closed: Taken,
}

fn add<'a>(server: &'a Directive, stream: &Scope<'a>, sites: &mut Sites<'a, '_>) {
    let (scope, verdicts) = (stream.inside(server), sites.verdicts);
    if let Some(why) = obstacle(&scope) {
        return verdicts.missing(server, why);
    }
    let (Some(pass), Some(preread)) = (scope.own("proxy_pass").first().copied(), scope.one("ssl_preread")) else {
        return verdicts.missing(server, "it has no proxy_pass");
    };
    verdicts.same(preread, "passthrough");
    let Some(Targets { led, mut closed }) = targets(pass, stream, verdicts) else {
        return verdicts.missing(server, "where its connections go is not told by the server name");
    };
    verdicts.same(server, "[[site]]");
    let listeners = sites.listeners.passing(server, &scope, verdicts);
    let rules = access::access(&scope, None, verdicts);
    let timeouts = timeouts(&scope, server, verdicts);
    // nginx writes version 1.
    let introduces = scope.one("proxy_protocol").filter(|one| one.word() == "on");
    introduces.into_iter().for_each(|one| verdicts.same(one, "proxy-protocol"));
    verdicts.same(pass, "pool");
    about(&scope, verdicts);
    let mut there = Vec::new();
    for (target, taken) in led {
        match sites.pools.choose_stream(target, (timeouts.clone(), introduces.is_some()), pass, verdicts) {
            Some(pool) => there.push((pool, taken)),
            None => closed.add(taken),
        }
    }
    for (pool, taken) in there {
        let mut table = site(server, &listeners, &taken, &mut sites.names);
        table.set("pool", values::text(&pool));
        let logs = [scope.all("access_log"), scope.all("error_log")].concat();
        access::logs(&mut table, &logs, &scope, verdicts);
        if access::write(&mut table, &rules) {
            sites.tables.push(table);
        } else {
            verdicts.missing(server, "nobody is let in, or it is unclear who");
        }
    }
    let Taken { hosts: names, nameless, .. } = closed;
    let kept = |listener| Kept { listener, names: names.clone(), nameless, from: server.at.clone() };
    sites.kept.extend(listeners.into_iter().map(kept));
}

/// The site of these clients, without its pool.
fn site(server: &Directive, listeners: &[String], taken: &Taken, names: &mut values::Names) -> Table {
    let mut table = Table::new("[[site]]", &server.at);
    let base = taken.hosts.first().map_or("default", |host| host.trim_start_matches("*."));
    table.set("name", values::text(&names.free(values::name(&format!("{base}.tls")))));
    let on = listeners.iter().map(String::as_str);
    table.set("listener", if let [only] = listeners { values::text(only) } else { values::texts(on) });
    if !taken.hosts.is_empty() {
        table.set("hosts", values::texts(taken.hosts.iter().map(String::as_str)));
    }
    for (key, holds) in [("default", taken.default), ("nameless", taken.nameless), ("passthrough", true)] {
        if holds {
            table.set(key, "true");
        }
    }
    table
}

/// What makes it something else than TLS that is passed through.
fn obstacle(scope: &Scope<'_>) -> Option<&'static str> {
    let ends_tls = || scope.own("listen").iter().any(|one| one.words.iter().any(|word| word == "ssl"));
    if !scope.is_on("ssl_preread") {
        Some("TCP is carried where it is TLS with a server name: with ssl_preread on")
    } else if ends_tls() {
        Some("TLS that ends here, with something else than HTTP inside")
    } else if scope.is_on("proxy_ssl") {
        Some("TLS inside TLS: the nodes get the client's as it comes")
    } else if known::protecting().filter_map(|name| scope.one(name)).any(|one| one.word() != "off") {
        Some("it keeps people out in a way that Weir lacks")
    } else if scope.has_unknown() {
        Some("nginx knows no such name as one here or around it, and it may keep people out")
    } else {
        None
    }
}

/// Which clients go where. Nothing, with a verdict, where that cannot be said.
fn targets<'a>(pass: &'a Directive, stream: &Scope<'a>, verdicts: &Verdicts) -> Option<Targets<'a>> {
    let target = pass.word();
    if !target.contains('$') {
        let all = Taken { default: true, ..Taken::default() };
        return Some(Targets { led: vec![(target, all)], closed: Taken::default() });
    }
    let maps = stream.own("map");
    let map = maps.iter().find(|one| one.words.get(1).is_some_and(|name| name == target));
    let Some(map) = map.filter(|one| one.word() == "$ssl_preread_server_name") else {
        verdicts.missing(pass, "a pool is chosen by the server name alone: by a map of $ssl_preread_server_name");
        return None;
    };
    verdicts.same(map, "hosts");
    let masks = map.values().iter().any(|line| line.name == "hostnames");
    let mut targets = BTreeMap::<&str, Taken>::new();
    let mut closed = Taken::default();
    let (mut all_told, mut whole) = (true, true);
    for line in map.values() {
        let (name, target) = (line.name.as_str(), line.word());
        let taken = match name {
            "hostnames" | "volatile" if line.words.is_empty() => continue,
            "include" => {
                let note = "write its lines here; so the default and the wildcards are left out";
                verdicts.missing(map, format!("include {target}: {note}"));
                (all_told, whole) = (false, false);
                continue;
            }
            _ if target.is_empty() => {
                verdicts.say(map, Same, "hosts", format!("{name}: no pool, so the connection is closed"));
                &mut closed
            }
            _ if target.contains('$') => {
                verdicts.missing(map, format!("{name}: a pool is written, not found by a variable"));
                &mut closed
            }
            _ => targets.entry(target).or_default(),
        };
        all_told &= take(taken, name, masks, map, verdicts);
    }
    for taken in targets.values_mut() {
        // Names that are not told would fall to it.
        taken.default &= all_told;
        taken.hosts.retain(|host| whole || !host.starts_with("*."));
    }
    let led = targets.into_iter().filter(|(_, taken)| !taken.is_empty()).collect();
    Some(Targets { led, closed })
}

impl Taken {
    fn is_empty(&self) -> bool {
        !self.default && !self.nameless && self.hosts.is_empty()
    }

    fn add(&mut self, other: Self) {
        self.hosts.extend(other.hosts);
        self.nameless |= other.nameless;
    }
}

/// Adds a name of the map. False where a site cannot have it.
fn take(taken: &mut Taken, name: &str, masks: bool, map: &Directive, verdicts: &Verdicts) -> bool {
    match name {
        "default" => taken.default = true,
        "" => taken.nameless = true,
        _ if name.starts_with('~') || name.ends_with(".*") => {
            verdicts.missing(
                map,
                format!(
                    "{name}: names, and wildcards at the beginning of one, choose a site; so the default is left out"
                ),
            );
            return false;
        }
        _ if !masks && (name.starts_with("*.") || name.starts_with('.')) => {
            let note = format!("{name}: without `hostnames` nginx takes it for a name that nobody has");
            verdicts.say(map, Changed, "hosts", note);
        }
        _ => {
            let written = match name.strip_prefix('.') {
                Some(rest) => vec![rest.to_owned(), format!("*{name}")],
                None => vec![name.to_owned()],
            };
            let Some(hosts) = written.iter().map(|host| rules::host(host)).collect::<Option<Vec<_>>>() else {
                verdicts.missing(map, format!("{name}: no host name; so the default is left out"));
                return false;
            };
            taken.hosts.extend(hosts);
        }
    }
    true
}

fn timeouts(scope: &Scope<'_>, server: &Directive, verdicts: &Verdicts) -> Option<String> {
    let mut pairs = Vec::new();
    for (name, key) in [("proxy_connect_timeout", "connect"), ("proxy_timeout", "tunnel")] {
        let told = format!("timeouts.{key}");
        match scope.one(name) {
            Some(one) => match values::time(&one.said()) {
                Some(time) => {
                    verdicts.same(one, &told);
                    pairs.push((key.to_owned(), time));
                }
                None => verdicts.say(one, Refused, "", "write a time such as 5m or 300"),
            },
            None if key == "connect" => {
                let note = "5 s, then the next node is tried";
                verdicts.unwritten(&server.at, "proxy_connect_timeout 60s", Narrower, &told, note);
            }
            None => verdicts.unwritten(&server.at, "proxy_timeout 10m", Wider, &told, "an hour without a byte"),
        }
    }
    (!pairs.is_empty()).then(|| values::inline(&pairs))
}

/// What needs nothing here.
fn about(scope: &Scope<'_>, verdicts: &Verdicts) {
    let settled = [
        ("preread_timeout", Changed, "handshake-timeout of the listener, 10 s by default"),
        ("preread_buffer_size", Same, "a hello may have 16 KiB"),
        ("proxy_buffer_size", Ignored, "a matter of nginx's own memory and files"),
    ];
    for (name, class, note) in settled {
        scope.one(name).into_iter().for_each(|one| verdicts.say(one, class, "", note));
    }
    if let Some(one) = scope.one("proxy_next_upstream").filter(|one| one.word() == "on") {
        verdicts.say(one, Same, "tries", "the next node is tried where one cannot be reached");
    }
}
