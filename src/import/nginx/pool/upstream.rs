//! An `upstream` block: its servers, and what it says about balancing and sessions.

use std::collections::HashSet;

use super::target::{Endpoint, address};
use crate::config::rules;
use crate::import::nginx::class::Class::{Better, Changed, Ignored, Narrower, Refused, Same, Wider};
use crate::import::nginx::numbers;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::table::Table;
use crate::import::nginx::{values, variables};

/// Reads the block. Nothing, with a verdict, where it can make no pool.
pub(super) fn read(block: &Directive, table: &mut Table, verdicts: &Verdicts) -> Option<Vec<Endpoint>> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let mut seen = HashSet::new();
    let mut failures = Failures::default();
    let hashes = block.inside().iter().any(|one| matches!(one.name.as_str(), "hash" | "ip_hash"));
    for one in block.inside() {
        match one.name.as_str() {
            "server" => {
                let Some(endpoint) = server(one, hashes, &mut failures, verdicts) else { continue };
                if seen.insert((endpoint.host.clone(), endpoint.port)) {
                    endpoints.push(endpoint);
                } else {
                    verdicts.say(one, Changed, "", "written twice: write a weight instead");
                }
            }
            _ => about_all(one, block, table, verdicts),
        }
    }
    failures.write(block, table, verdicts);
    let serves = |one: &Endpoint| !one.keys.iter().any(|(key, _)| key == "backup");
    if !endpoints.iter().any(serves) {
        verdicts.say(block, Refused, "", "no server of it is there for more than backup");
        return None;
    }
    if table.value("queue").is_some()
        && !endpoints.iter().any(|one| one.keys.iter().any(|(key, _)| key == "max-requests"))
    {
        table.keys.retain(|(key, _)| key != "queue");
        let note = "not written: no server has max_conns, so no request waits for a place; while all are down it is answered at once";
        block
            .inside()
            .iter()
            .filter(|one| one.name == "queue")
            .for_each(|one| verdicts.say(one, Changed, "queue", note));
    }
    Some(endpoints)
}

fn server(one: &Directive, hashes: bool, failures: &mut Failures, verdicts: &Verdicts) -> Option<Endpoint> {
    let word = one.word();
    if word.starts_with("unix:") {
        verdicts.missing(one, "nodes are reached over TCP, not over a unix socket");
        return None;
    }
    let Some((host, port)) = address(word, 80) else {
        verdicts.say(one, Refused, "", format!("{word} is no address of a node"));
        return None;
    };
    let named = host.parse::<std::net::IpAddr>().is_err();
    failures.begin_server();
    let (class, note) = if named { (Better, "the name is resolved again when its TTL is over") } else { (Same, "") };
    verdicts.say(one, class, "[[node]]", note);
    let mut keys = Vec::new();
    for parameter in one.words.iter().skip(1) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match key {
            "down" => {
                verdicts.say(one, Changed, "", "left out, since it is down: add it when it is there");
                return None;
            }
            "max_fails" => failures.add(count_of_failures(one, value, verdicts).as_deref(), None),
            "fail_timeout" if is_time(one, parameter, value, verdicts) => failures.add(None, Some(value)),
            "resolve" | "fail_timeout" => {}
            "slow_start" if hashes => verdicts.add(one, "slow_start: without effect where keys have their node"),
            _ => own_key(one, parameter, &mut keys, verdicts),
        }
    }
    failures.end_of_server();
    Some(Endpoint { host, port, keys, at: one.at.clone() })
}

/// What a parameter says of this node alone. The last one of a name counts.
fn own_key(one: &Directive, parameter: &str, keys: &mut Vec<(String, String)>, verdicts: &Verdicts) {
    let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let number = values::number(value);
    match key {
        "weight" if number.is_none_or(|weight| weight == 0) => {
            verdicts.say(one, Refused, "", format!("{parameter}: write a number from 1; down takes a server out"));
        }
        "weight" => values::put(keys, "weight", numbers::number(value, ("pool.nodes", "weight"), one, verdicts)),
        "backup" => values::put(keys, "backup", Some("true".to_owned())),
        "max_conns" if number.is_none() => {
            verdicts.say(one, Refused, "", format!("{parameter}: write a number"));
        }
        "max_conns" if number == Some(0) => values::put(keys, "max-requests", None),
        "max_conns" => {
            verdicts.say(one, Changed, "max-requests", "requests are counted, not connections");
            let most = numbers::number(value, ("pool.nodes", "max-requests"), one, verdicts);
            values::put(keys, "max-requests", most);
        }
        "slow_start" if is_time(one, parameter, value, verdicts) => {
            values::put(keys, "slow-start", values::time(value));
        }
        "slow_start" => {}
        other => verdicts.missing(one, format!("{other}: Weir has nothing like it")),
    }
}

fn is_time(one: &Directive, parameter: &str, value: &str, verdicts: &Verdicts) -> bool {
    let is_time = values::milliseconds(value).is_some();
    if !is_time {
        verdicts.say(one, Refused, "", format!("{parameter}: write a time such as 30s"));
    }
    is_time
}

/// The number of `max_fails`. Nothing, with a verdict, where it is none.
fn count_of_failures(one: &Directive, value: &str, verdicts: &Verdicts) -> Option<String> {
    let failures = numbers::number(value, ("pool.eject", "failures"), one, verdicts);
    if failures.is_none() {
        verdicts.say(one, Refused, "", "max_fails: write a number");
    }
    failures
}

/// Directives about the whole upstream.
fn about_all(one: &Directive, block: &Directive, table: &mut Table, verdicts: &Verdicts) {
    match one.name.as_str() {
        "least_conn" => {
            table.set("balance", "\"least-requests\"");
            verdicts.same(one, "balance = \"least-requests\"");
        }
        "least_time" => {
            table.set("balance", "\"least-time\"");
            verdicts.same(one, "balance = \"least-time\"");
        }
        "random" => {
            table.set("balance", "\"random-two\"");
            let class = if one.said().starts_with("two least_conn") || one.said() == "two" { Same } else { Changed };
            verdicts.say(one, class, "balance = \"random-two\"", "the less busy of two nodes drawn at random");
        }
        "ip_hash" => {
            hash(table, "client", None, false);
            let note = "by the whole address (nginx takes the first three numbers of an IPv4 address); keys go to other nodes than there";
            verdicts.say(one, Changed, "balance = \"hash\"", note);
        }
        "hash" => hashed(one, block, table, verdicts),
        "sticky" => sticky(one, table, verdicts),
        "keepalive" => verdicts.say(one, Better, "reuse", "connections to nodes are kept, as many as there are"),
        "keepalive_timeout" if values::milliseconds(one.word()).is_none() => {
            verdicts.say(one, Refused, "idle-timeout", "write a time such as 60s");
        }
        "keepalive_timeout" => {
            let (key, value) =
                values::time(one.word()).map_or(("reuse", "false".to_owned()), |time| ("idle-timeout", time));
            table.set(key, value);
            verdicts.same(one, key);
        }
        "keepalive_requests" | "keepalive_time" => {
            verdicts.say(one, Ignored, "", "connections to nodes end when they are idle, or the node ends them");
        }
        "zone" => verdicts.say(one, Same, "", "states are shared by all threads"),
        "queue" => {
            let said = one.words.iter().find_map(|word| word.strip_prefix("timeout="));
            let wait = said.and_then(values::time).map(|wait| ("wait".to_owned(), wait));
            let Some(size) = numbers::number(one.word(), ("pool.queue", "size"), one, verdicts) else {
                return verdicts.say(one, Refused, "queue", "write a number");
            };
            if said.is_some() && wait.is_none() {
                return verdicts.say(one, Refused, "queue", "timeout: write a time such as 30s");
            }
            let pairs: Vec<_> = [("size".to_owned(), size)].into_iter().chain(wait).collect();
            table.set("queue", values::inline(&pairs));
            verdicts.same(one, "queue");
        }
        "resolver" | "resolver_timeout" => {
            verdicts.say(
                one,
                Changed,
                "[dns] servers",
                "names of nodes are resolved by their TTL; this key names the servers",
            );
        }
        _ => {}
    }
}

fn hash(table: &mut Table, on: &str, name: Option<&str>, ring: bool) {
    table.set("balance", "\"hash\"");
    let name = name.map(|name| ("name".to_owned(), values::text(name)));
    let ring = ring.then(|| ("ring".to_owned(), values::text("ketama")));
    let pairs: Vec<_> = [("on".to_owned(), values::text(on))].into_iter().chain(name).chain(ring).collect();
    table.set("hash", values::inline(&pairs));
}

fn hashed(one: &Directive, block: &Directive, table: &mut Table, verdicts: &Verdicts) {
    let ring = one.words.iter().any(|word| word == "consistent");
    let other_bytes = match one.word() {
        "$remote_addr" => {
            hash(table, "client", None, ring);
            None
        }
        "$binary_remote_addr" => {
            hash(table, "client", None, ring);
            Some("by the address as it is written")
        }
        "$uri" | "$request_uri" => {
            hash(table, "path", None, ring);
            Some("by the path as it came, without the query")
        }
        key => match (variables::named(key, "$http_"), variables::named(key, "$cookie_")) {
            (Some(field), _) => {
                hash(table, "header", Some(&field.replace('_', "-")), ring);
                None
            }
            (_, Some(cookie)) => {
                hash(table, "cookie", Some(cookie), ring);
                None
            }
            _ => return verdicts.missing(one, format!("hash by {key}: Weir hashes by client, header, cookie or path")),
        },
    };
    let key = "balance = \"hash\"";
    if !ring {
        let note = "consistent in any case, but keys go to other nodes than in nginx";
        return verdicts.say(one, Changed, key, note);
    }
    if let Some(bytes) = other_bytes {
        return verdicts.say(one, Changed, key, format!("{bytes}: keys go to other nodes than in nginx"));
    }
    // nginx hashes what is written behind `server`, Weir the address and the port.
    let plain = |server: &&Directive| server.word().parse::<std::net::SocketAddrV4>().is_ok();
    match block.inside().iter().filter(|one| one.name == "server").find(|server| !plain(server)) {
        None => verdicts.same(one, "hash.ring = \"ketama\""),
        Some(server) => {
            let note = "is no IPv4 address with a port, so keys go to other nodes than in nginx";
            verdicts.say(one, Changed, "hash.ring = \"ketama\"", format!("{} {note}", server.word()));
        }
    }
}

fn sticky(one: &Directive, table: &mut Table, verdicts: &Verdicts) {
    let value = |key: &str| one.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
    match one.word() {
        "learn" => {
            let cookie =
                |key| value(key).and_then(|name| name.split_once("_cookie_").or_else(|| name.split_once("$cookie_")));
            let (create, lookup) = (cookie("create"), cookie("lookup"));
            let Some((_, name)) =
                create.filter(|(_, name)| lookup.is_none_or(|(_, other)| other.eq_ignore_ascii_case(name)))
            else {
                return verdicts.missing(one, "sessions are learned from one cookie, and found by the same");
            };
            add("mode", "\"learn\"".to_owned());
            if !rules::is_cookie_name(name) {
                return verdicts.missing(one, format!("{name} is no name of a cookie"));
            }
            add("cookie", values::text(if name.eq_ignore_ascii_case("jsessionid") { "JSESSIONID" } else { name }));
            match (value("timeout"), value("timeout").and_then(values::time)) {
                (_, Some(time)) => add("idle", time),
                (Some(_), None) => return verdicts.say(one, Refused, "idle", "timeout: write a time such as 1h"),
                (None, None) => verdicts.unwritten(
                    &one.at,
                    "sticky learn timeout=10m",
                    Wider,
                    "idle",
                    "sessions are kept for 35 minutes",
                ),
            }
            verdicts.say(one, Same, "sticky", "also found by ;jsessionid= in the path");
        }
        "cookie" => pairs.extend(own_cookie(one, verdicts)),
        "route" => {
            add("mode", "\"route\"".to_owned());
            verdicts.say(
                one,
                Changed,
                "sticky",
                "by the jvmRoute at the end of JSESSIONID; a node's route is the name in it",
            );
        }
        other => return verdicts.missing(one, format!("sticky {other}: Weir knows learn, cookie and route")),
    }
    table.set("sticky", values::inline(&pairs));
}

/// The keys for a cookie that the balancer makes.
fn own_cookie(one: &Directive, verdicts: &Verdicts) -> Vec<(String, String)> {
    let value = |key: &str| one.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let has = |word: &str| one.words.iter().any(|other| other == word);
    let mut pairs = Vec::new();
    let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
    add("mode", "\"cookie\"".to_owned());
    verdicts.say(one, Same, "sticky", "the cookie is signed");
    match one.words.get(1).filter(|name| rules::is_cookie_name(name)) {
        Some(name) => add("cookie", values::text(name)),
        None => verdicts.missing(one, "write the name of the cookie first"),
    }
    match value("path").filter(|path| !path.is_empty()) {
        Some(path) if rules::is_path_of_own_cookie(path) => add("path", values::text(path)),
        Some(path) => {
            verdicts.missing(one, format!("path={path}: the cookie has a fixed Path that begins with a slash"));
        }
        None => {}
    }
    if has("secure") {
        add("secure", "true".to_owned());
    }
    add("http-only", has("httponly").to_string());
    match value("samesite").map(str::to_ascii_lowercase) {
        Some(site) if SAME_SITE.contains(&site.as_str()) => add("same-site", values::text(&site)),
        Some(site) => verdicts.missing(one, format!("samesite={site}: write strict, lax or none")),
        None => {}
    }
    if value("domain").is_some() {
        verdicts.missing(one, "domain: the cookie is for the host that the client asked for");
    } else if value("expires").is_some() {
        verdicts.say(one, Narrower, "sticky", "expires: the cookie ends with the browser");
    }
    pairs
}

const SAME_SITE: [&str; 3] = ["strict", "lax", "none"];

/// `max_fails` and `fail_timeout`, which a pool of Weir has for all of its nodes.
#[derive(Default)]
struct Failures {
    current: (Option<String>, Option<String>),
    servers: Vec<(Option<String>, Option<String>)>,
}

impl Failures {
    fn add(&mut self, most: Option<&str>, time: Option<&str>) {
        let keep = |new: Option<&str>, old: &Option<String>| new.map(str::to_owned).or_else(|| old.clone());
        self.current = (keep(most, &self.current.0), keep(time, &self.current.1));
    }

    /// What a server says that is left out holds for no other one.
    fn begin_server(&mut self) {
        self.current = (None, None);
    }

    fn end_of_server(&mut self) {
        self.servers.push(std::mem::take(&mut self.current));
    }

    fn write(self, block: &Directive, table: &mut Table, verdicts: &Verdicts) {
        let Some((most, time)) = self.servers.first() else { return };
        if most.is_none() && time.is_none() && self.servers.iter().all(|other| other == &(None, None)) {
            let note = "three failures in 10 s eject a node, not one; at most half of the nodes, and the last never";
            return verdicts.unwritten(&block.at, "max_fails=1 fail_timeout=10s", Changed, "eject", note);
        }
        if self.servers.iter().any(|other| other != &(most.clone(), time.clone())) {
            let note =
                "max_fails and fail_timeout are the same for all nodes of a pool; those of the first server are taken";
            verdicts.say(block, Changed, "eject", note);
        }
        let failures = most.clone().unwrap_or_else(|| "1".to_owned());
        let mut pairs = vec![("failures".to_owned(), failures.clone())];
        if failures != "0"
            && let Some(time) = time.as_deref().and_then(values::time)
        {
            pairs.extend([("within".to_owned(), time.clone()), ("for".to_owned(), time)]);
        }
        table.set("eject", values::inline(&pairs));
    }
}
