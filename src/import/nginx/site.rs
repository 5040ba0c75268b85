//! A `server` block becomes a site: its listeners, names, certificate, and what its locations do.

pub(super) mod access;
mod action;
mod errors;
mod guards;
mod headers;
pub(super) mod listen;
mod locations;

use std::collections::HashSet;

use self::access::Zones;
use self::action::{Action, Matched};
use self::listen::{Listeners, Listens};
use self::locations::Location;
use super::class::Class;
use super::class::Class::{Ignored, Narrower, Refused, Same};
use super::parse::Directive;
use super::pool::Pools;
use super::report::Verdicts;
use super::scope::Scope;
use super::table::Table;
use super::values;

pub(super) use self::headers::lost;

/// The answer to requests that a gap would have taken: they reach no node.
const GAP: &str = "{ status = 501, body = \"not imported from nginx\" }";

/// What all sites share.
pub(super) struct Sites<'a, 'b> {
    pub(super) listeners: Listeners,
    pub(super) pools: Pools<'a>,
    pub(super) zones: Zones<'a>,
    pub(super) upgrades: Vec<String>,
    pub(super) verdicts: &'b Verdicts,
    pub(super) tables: Vec<Table>,
    /// Locations that are there for error pages alone.
    pub(super) pages: HashSet<usize>,
    /// Names of listeners and hosts that have a site.
    pub(super) taken: HashSet<(String, String)>,
    pub(super) names: values::Names,
}

impl<'a> Sites<'a, '_> {
    /// Reads one server.
    pub(super) fn add(&mut self, server: &'a Directive, http: &Scope<'a>) {
        let scope = http.inside(server);
        if scope.is_on("ssl_reject_handshake") {
            return self.rejects(server, &scope);
        }
        self.verdicts.same(server, "[[site]]");
        let listens = self.listeners.of(server, &scope, self.verdicts);
        if listens.names.is_empty() {
            return self.verdicts.missing(server, "it listens on nothing that Weir can listen on");
        }
        let mut table = Table::new("[[site]]", &server.at);
        if !self.names(&mut table, &listens, server, &scope) {
            return;
        }
        if listens.tls && !self.certificate(&mut table, server, &scope) {
            return;
        }
        access::body(&mut table, &scope, &server.at, self.verdicts);
        access::logs(&mut table, &[scope.own("access_log"), scope.own("error_log")].concat(), &scope, self.verdicts);
        access::rate(&mut table, &scope, &self.zones, self.verdicts);
        access::connections(&scope, self.verdicts);
        self.pages.extend(errors::write(&mut table, &scope, self.verdicts));
        self.routes(&mut table, &listens, server, &scope);
        self.tables.push(table);
    }

    /// A server that is there to refuse unknown names, as Weir does by itself.
    fn rejects(&self, server: &Directive, scope: &Scope<'_>) {
        self.verdicts.say(server, Same, "", "an unknown server name gets no handshake anyway");
        for one in scope.innermost() {
            self.verdicts.say(one, Same, "", "an unknown server name gets no handshake anyway");
        }
    }

    /// Writes name, listeners and hosts. False where nothing is left to answer to.
    fn names(&mut self, table: &mut Table, listens: &Listens, server: &Directive, scope: &Scope<'_>) -> bool {
        let (mut hosts, mut any) = (Vec::new(), false);
        for one in scope.own("server_name") {
            self.verdicts.same(one, "hosts");
            for word in &one.words {
                match host(word) {
                    Host::Any => any = true,
                    Host::Names(names) => hosts.extend(names),
                    Host::No(why) => self.verdicts.missing(one, format!("{word}: {why}")),
                }
            }
        }
        let mut seen = HashSet::new();
        hosts.retain(|host| seen.insert(host.clone()));
        let all = hosts.len();
        hosts.retain(|host| !listens.names.iter().any(|name| self.taken.contains(&(name.clone(), host.clone()))));
        if hosts.len() < all {
            let names = scope.own("server_name");
            names.iter().for_each(|one| {
                self.verdicts.say(
                    one,
                    Class::Changed,
                    "hosts",
                    "an earlier server has the same name here, and gets the requests, as in nginx",
                );
            });
        }
        for name in &listens.names {
            self.taken.extend(hosts.iter().map(|host| (name.clone(), host.clone())));
        }
        let default = listens.default || any && listens.first;
        if hosts.is_empty() && !default && !listens.first {
            self.verdicts.say(
                server,
                Ignored,
                "",
                "it answers to no name, and is not the first of its listener: no request reaches it",
            );
            silence(server, "no request reaches this server", self.verdicts);
            return false;
        }
        let scheme = if listens.tls { "https" } else { "http" };
        let base = hosts.first().map_or("default", |host| host.trim_start_matches("*."));
        let wanted = values::name(&format!("{base}.{scheme}"));
        table.set("name", values::text(&self.names.free(wanted)));
        let listeners = listens.names.iter().map(String::as_str);
        table.set(
            "listener",
            if let [only] = listens.names.as_slice() { values::text(only) } else { values::texts(listeners) },
        );
        if !hosts.is_empty() {
            table.set("hosts", values::texts(hosts.iter().map(String::as_str)));
        }
        self.takes_the_rest(table, listens, server, default || hosts.is_empty());
        true
    }

    fn takes_the_rest(&self, table: &mut Table, listens: &Listens, server: &Directive, default: bool) {
        if default {
            table.set("default", "true");
        } else if listens.first {
            table.set("nameless", "true");
            let note = "clients that give no name get this site, the first of its listener; any other name gets 421, unless the site says default = true";
            self.verdicts.unwritten(&server.at, "listen … default_server", Narrower, "nameless", note);
        }
    }

    fn certificate(&self, table: &mut Table, server: &Directive, scope: &Scope<'_>) -> bool {
        let (chains, keys) = (scope.all("ssl_certificate"), scope.all("ssl_certificate_key"));
        let (Some(chain), Some(key)) = (chains.first(), keys.first()) else {
            self.verdicts.say(
                server,
                Refused,
                "certificate",
                "it speaks TLS, and has no ssl_certificate with its ssl_certificate_key",
            );
            return false;
        };
        for one in chains.iter().chain(&keys).filter(|one| one.id != chain.id && one.id != key.id) {
            self.verdicts.missing(one, "a site shows one certificate");
        }
        if [chain, key]
            .iter()
            .any(|one| one.word().contains('$') || one.word().starts_with("data:") || one.word().starts_with("engine:"))
        {
            self.verdicts.missing(chain, "certificates are files");
            return false;
        }
        let same = chain.word() == key.word();
        self.verdicts.say(chain, Same, "certificate.chain", if same { "one file for chain and key" } else { "" });
        self.verdicts.same(key, "certificate.key");
        let pair = [("chain", chain), ("key", key)]
            .map(|(name, one)| (name.to_owned(), values::text(&scope.file(one.word()))));
        table.set("certificate", values::inline(&pair));
        true
    }

    fn routes(&mut self, table: &mut Table, listens: &Listens, server: &'a Directive, scope: &Scope<'a>) {
        let whole = ["return", "rewrite"].iter().any(|name| !scope.own(name).is_empty());
        if whole {
            let action = action::read(scope, Matched::Prefix("/"), server, &mut self.pools, self.verdicts);
            let note = "never reached: the server answers all requests itself";
            for block in scope.own("location") {
                self.verdicts.say(block, Ignored, "", note);
                silence(block, note, self.verdicts);
            }
            return self.catch_all(table, action, server, scope, listens);
        }
        let mut all = locations::read(scope, self.verdicts);
        let root = all.iter().position(|one| {
            one.path == "/" && one.kind != locations::Kind::Exact && one.kind != locations::Kind::Regex
        });
        let root = root.map(|at| all.remove(at));
        for location in all {
            let route = self.route(&location, listens);
            table.below.push(route);
        }
        match root {
            Some(root) => self.root(table, &root, listens),
            None => {
                let mut rest = Table::new("[[site.route]]", &server.at);
                rest.set("answer", "{ status = 404 }");
                for one in ["root", "try_files"].iter().flat_map(|name| scope.own(name)) {
                    self.verdicts.missing(one, "Weir serves no files; paths without a location get 404");
                }
                table.below.push(rest);
                self.verdicts.unwritten(&server.at, "location /", Same, "answer", "paths without a location get 404");
            }
        }
    }

    fn route(&mut self, location: &Location<'a>, listens: &Listens) -> Table {
        let mut route = Table::new("[[site.route]]", &location.block.at);
        let (key, value) = location.condition(location.is_insensitive());
        route.set(key, value);
        let action = match self.action(location) {
            // A changed path needs a prefix.
            Action::Pool(_, Some(_)) if location.runs_on() => {
                let note = "it keeps people out of all that begins so, and its path changes: end it with a slash";
                self.verdicts.missing(location.block, note);
                Action::Gap
            }
            action => action,
        };
        self.fill(&mut route, action, &location.scope, listens);
        route
    }

    fn action(&mut self, location: &Location<'a>) -> Action {
        if self.pages.contains(&location.block.id) {
            return Action::Own("answer", "{ status = 404 }".to_owned());
        }
        if location.closed {
            let note = "nobody is let in here, for a location that keeps people out is not imported";
            self.verdicts.missing(location.block, note);
            return Action::Gap;
        }
        action::read(&location.scope, location.matched(), location.block, &mut self.pools, self.verdicts)
    }

    /// The location for `/` is the site itself, unless it says something that only a route can say.
    fn root(&mut self, table: &mut Table, root: &Location<'a>, listens: &Listens) {
        let action = self.action(root);
        self.verdicts.same(root.block, "pool of the site");
        let mut route = Table::new("[[site.route]]", &root.block.at);
        self.fill(&mut route, action, &root.scope, listens);
        let only_pool =
            route.keys.iter().all(|(key, _)| matches!(key.as_str(), "pool" | "request-headers" | "response-headers"));
        let alone = table.below.is_empty();
        match route.value("pool").map(str::to_owned) {
            // Fields of the site would hold for all of its routes too.
            Some(pool) if only_pool && (alone || route.keys.len() == 1) => {
                table.set("pool", pool);
                let fields = route.keys.into_iter().filter(|(key, _)| key != "pool");
                fields.for_each(|(key, value)| table.set(&key, value));
            }
            _ => last(table, route),
        }
    }

    fn catch_all(
        &mut self,
        table: &mut Table,
        action: Action,
        server: &Directive,
        scope: &Scope<'a>,
        listens: &Listens,
    ) {
        let mut route = Table::new("[[site.route]]", &server.at);
        self.fill(&mut route, action, scope, listens);
        last(table, route);
    }

    fn fill(&mut self, route: &mut Table, action: Action, scope: &Scope<'a>, listens: &Listens) {
        let rules = access::access(scope, self.verdicts);
        match action {
            Action::Gap => {
                let unsaid = scope.own("proxy_pass").into_iter().filter(|one| !self.verdicts.has(one));
                unsaid.for_each(|one| self.verdicts.missing(one, "these requests get 501, for what else stands here"));
                return route.set("answer", GAP);
            }
            // Who may not come is not asked before a `return`, which nginx carries out first.
            Action::Own(key, value) => return route.set(key, value),
            Action::Pool(..) if matches!(rules, access::Access::Nobody) => return route.set("deny", "true"),
            Action::Pool(chosen, upstream) => {
                if let Some(upstream) = upstream {
                    // The location for / has no condition of its own.
                    if !["prefix", "path"].iter().any(|key| route.value(key).is_some()) {
                        route.set("prefix", values::text("/"));
                    }
                    route.set("upstream-path", values::text(&upstream));
                }
                route.set("pool", values::text(&chosen.pool));
                chosen.timeouts.into_iter().for_each(|timeouts| route.set("timeouts", timeouts));
            }
        }
        if !access::write(route, &rules) {
            route.keys.retain(|(key, _)| !matches!(key.as_str(), "pool" | "timeouts" | "upstream-path"));
            return route.set("answer", GAP);
        }
        access::own_body(route, scope, self.verdicts);
        if !scope.own("limit_req").is_empty() {
            access::rate(route, scope, &self.zones, self.verdicts);
        }
        let place = headers::Place { tls: listens.tls, port: listens.port, upgrades: &self.upgrades };
        headers::write(route, scope, &place, self.verdicts);
    }
}

/// What becomes of requests that no other route takes: a site can redirect them itself.
fn last(table: &mut Table, route: Table) {
    match route.keys.as_slice() {
        [(key, value)] if key == "redirect" => table.set("redirect", value.clone()),
        _ => table.below.push(route),
    }
}

/// The same is said of everything in the block.
fn silence(block: &Directive, note: &str, verdicts: &Verdicts) {
    for one in block.inside() {
        verdicts.say(one, Ignored, "", note);
        silence(one, note, verdicts);
    }
}

enum Host {
    /// A name that nobody asks for, as `_`: what no other server takes.
    Any,
    Names(Vec<String>),
    No(&'static str),
}

fn host(word: &str) -> Host {
    let word = word.to_ascii_lowercase();
    let fits = |name: &str| {
        name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ':' | '[' | ']'))
    };
    match word.as_str() {
        "_" | "" | "-" | "--" | "*" | "!@#" => Host::Any,
        name if name.starts_with('~') => Host::No("names are written, not matched by a regular expression"),
        name if name.ends_with(".*") => Host::No("a wildcard stands at the beginning of a name"),
        name if name.contains('$') => Host::No("names are written, not found by a variable"),
        name if name.strip_prefix("*.").is_some_and(fits) => Host::Names(vec![name.to_owned()]),
        name if name.strip_prefix('.').is_some_and(fits) => Host::Names(vec![name[1..].to_owned(), format!("*{name}")]),
        name if fits(name) => Host::Names(vec![name.to_owned()]),
        _ => Host::No("no host name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_servers() {
        let names = |word| match host(word) {
            Host::Any => vec!["any".to_owned()],
            Host::Names(names) => names,
            Host::No(_) => Vec::new(),
        };
        assert_eq!(names("_"), ["any"]);
        assert_eq!(names("ESB.wso2.com"), ["esb.wso2.com"]);
        assert_eq!(names(".wso2.com"), ["wso2.com", "*.wso2.com"]);
        assert_eq!(names("*.wso2.com"), ["*.wso2.com"]);
        assert!(names("~^esb").is_empty() && names("esb.*").is_empty());
    }
}
