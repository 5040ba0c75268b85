//! A `server` block becomes a site: its listeners, names, certificate, and what its locations do.

pub(super) mod access;
mod action;
mod errors;
mod expressions;
mod guards;
mod headers;
pub(super) mod listen;
mod locations;
mod names;
mod redirects;
mod rewrites;

use std::collections::{BTreeSet, HashSet};

use self::access::Zones;
use self::action::{Action, Matched};
use self::listen::{Listeners, Listens};
use self::locations::{Kind, Location};
use self::names::{Face, Role, Taken};
use self::rewrites::Requests;
use super::class::Class::{Changed, Ignored, Refused, Same, Wider};
use super::parse::Directive;
use super::pool::Pools;
use super::report::Verdicts;
use super::scope::Scope;
use super::table::Table;
use super::values;

pub(super) use self::headers::lost;

/// The answer to requests that a gap would have taken: they reach no node.
pub(super) const GAP: &str = "{ status = 501, body = \"not imported from nginx\" }";

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
    pub(super) taken: Taken,
    pub(super) names: values::Names,
    /// Listeners where requests of a server that keeps people out would reach the default site.
    pub(super) exposed: BTreeSet<String>,
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
        if listens.all.is_empty() {
            return self.verdicts.missing(server, "it listens on nothing that Weir can listen on");
        }
        let (faces, lost) = names::faces(server, &scope, &listens, &mut self.taken, self.verdicts);
        let mut table = Table::new("[[site]]", &server.at);
        table.guarded = guards::restricts(&scope, true);
        let good = !faces.is_empty() && (!listens.tls || self.certificate(&mut table, server, &scope));
        if table.guarded && (lost || !good) {
            let rest: Vec<_> =
                faces.iter().filter(|face| face.role == Role::Rest).flat_map(|face| &face.listeners).collect();
            let names = listens.all.iter().map(|listen| &listen.name);
            self.exposed.extend(names.filter(|name| !good || !rest.contains(name)).cloned());
        }
        if !good {
            return;
        }
        access::body(&mut table, &scope, &server.at, self.verdicts);
        access::logs(&mut table, &[scope.own("access_log"), scope.own("error_log")].concat(), &scope, self.verdicts);
        access::rate(&mut table, &scope, &self.zones, self.verdicts);
        access::connections(&scope, self.verdicts);
        self.pages.extend(errors::write(&mut table, &scope, self.verdicts));
        self.routes(&mut table, &listens, server, &scope);
        if faces.len() > 1 {
            self.zones.split(self.verdicts);
        }
        for face in faces {
            let site = self.site(&face, server, &table);
            self.tables.push(site);
        }
    }

    /// Default sites do not take the requests of names that are lost, where a server keeps people out of them.
    pub(super) fn close_defaults(&mut self, servers: &[&Directive]) {
        let exposed = |table: &Table| self.exposed.iter().any(|listener| table.listens(listener));
        for table in self.tables.iter_mut().filter(|table| table.value("default").is_some() && exposed(table)) {
            let note = table.take_less(GAP);
            for server in servers.iter().filter(|server| server.at == table.from) {
                self.verdicts.say(server, Changed, "default", note);
            }
        }
    }

    /// A server that is there to refuse unknown names, as Weir does by itself.
    fn rejects(&mut self, server: &Directive, scope: &Scope<'_>) {
        self.listeners.refusing(server, scope);
        self.verdicts.say(server, Same, "", "an unknown server name gets no handshake anyway");
        if names::has_any(scope) {
            let note = "its names get no handshake either, unless a site has a wildcard over them";
            self.verdicts.say(server, Wider, "", note);
        }
        for one in scope.innermost() {
            self.verdicts.say(one, Same, "", "an unknown server name gets no handshake anyway");
        }
    }

    /// The site of this face: name, listeners and hosts, and then what all faces of the server have.
    fn site(&mut self, face: &Face, server: &Directive, whole: &Table) -> Table {
        let mut table = Table::new("[[site]]", &server.at);
        let scheme = if face.tls { "https" } else { "http" };
        let base = face.hosts.first().map_or("default", |host| host.trim_start_matches("*."));
        table.set("name", values::text(&self.names.free(values::name(&format!("{base}.{scheme}")))));
        table.set(
            "listener",
            match face.listeners.as_slice() {
                [only] => values::text(only),
                all => values::texts(all.iter().map(String::as_str)),
            },
        );
        if !face.hosts.is_empty() {
            table.set("hosts", values::texts(face.hosts.iter().map(String::as_str)));
        }
        match face.role {
            Role::Nothing => {}
            Role::Nameless => table.set("nameless", "true"),
            Role::Rest => table.set("default", "true"),
        }
        let keys = whole.keys.iter().filter(|(key, _)| face.tls || key != "certificate");
        table.keys.extend(keys.cloned());
        table.below.clone_from(&whole.below);
        table.guarded = whole.guarded;
        table
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
        let before = self.before_locations(table, server, scope);
        if let Rest::Answered(action) = before.rest {
            let note = "never reached: the server answers all requests itself";
            for block in scope.own("location") {
                self.verdicts.say(block, Ignored, "", note);
                self.verdicts.silence(block, note);
            }
            return self.catch_all(table, action, server, scope, listens);
        }
        let closed = matches!(before.rest, Rest::Closed);
        let mut all = locations::read(scope, self.verdicts);
        all.iter_mut().filter(|_| closed).for_each(|one| one.closed = true);
        let root = all.iter().position(|one| one.path == "/" && matches!(one.kind, Kind::Firm | Kind::Prefix));
        for slash in locations::slashes(&all).into_iter().filter(|one| !before.takes(one.bare)) {
            table.below.push(self.slash(&slash));
        }
        let root = root.map(|at| all.remove(at));
        let mut seen = conditions(table, root.is_some());
        for location in all {
            if !seen.insert(location.condition(location.is_insensitive())) {
                unreached(&location, self.verdicts);
                continue;
            }
            if location.kind == Kind::Exact && before.takes(location.path) {
                let note = "never reached: a rewrite of the server answers before";
                self.verdicts.say(location.block, Ignored, "", note);
                self.verdicts.silence(location.block, note);
                continue;
            }
            let route = self.route(&location, listens);
            table.below.push(route);
        }
        match root {
            Some(root) => self.root(table, &root, listens),
            None => {
                let mut rest = Table::new("[[site.route]]", &server.at);
                rest.set("answer", if closed { GAP } else { "{ status = 404 }" });
                for one in ["root", "try_files"].iter().flat_map(|name| scope.own(name)) {
                    self.verdicts.missing(one, "Weir serves no files; paths without a location get 404");
                }
                table.below.push(rest);
                if !closed {
                    self.verdicts.unwritten(
                        &server.at,
                        "location /",
                        Same,
                        "answer",
                        "paths without a location get 404",
                    );
                }
            }
        }
    }

    /// What the server does in the order of its lines before it chooses a location: its rewrites become routes before all
    /// others, until one of them, or a `return`, answers everything.
    fn before_locations(&mut self, table: &mut Table, server: &'a Directive, scope: &Scope<'a>) -> Before {
        let mut before = Before { taken: Vec::new(), rest: Rest::Open };
        // An `if` that refuses requests stands among them and is not imported.
        let refuses = scope.conditions().iter().any(|one| guards::refuses(one));
        let mut lines = scope.innermost().filter(|one| matches!(one.name.as_str(), "rewrite" | "return" | "break"));
        for one in lines.by_ref() {
            match one.name.as_str() {
                "break" => {
                    self.verdicts.same(one, "");
                    break;
                }
                "return" => {
                    let action = action::read(scope, Matched::Prefix("/"), server, &mut self.pools, self.verdicts);
                    before.rest = Rest::Answered(action);
                    break;
                }
                _ => {}
            }
            let rewrite = rewrites::read(one, self.verdicts);
            match (rewrite.requests, rewrite.redirect.filter(|_| !refuses)) {
                (Requests::All, Some(redirect)) => {
                    before.rest = Rest::Answered(Action::Own("redirect", redirect));
                    break;
                }
                (Requests::All | Requests::Unclear, _) => {
                    before.rest = Rest::Closed;
                    break;
                }
                (Requests::Some(expression), redirect) => {
                    if before.taken.iter().any(|taken| taken.as_str() == expression.as_str()) {
                        self.verdicts.say(one, Ignored, "", "never reached: a line before it takes the same paths");
                        continue;
                    }
                    let mut route = Table::new("[[site.route]]", &one.at);
                    let (key, value) = rewrites::condition(&expression);
                    route.set(key, value);
                    match redirect {
                        Some(redirect) => route.set("redirect", redirect),
                        None => route.set("answer", GAP),
                    }
                    table.below.push(route);
                    before.taken.push(expression);
                }
            }
        }
        lines.for_each(|one| self.verdicts.say(one, Ignored, "", "never reached: a line before it ends the list"));
        before
    }

    /// The redirect from `/esb` to `/esb/`, which nginx has for a location that proxies.
    fn slash(&self, slash: &locations::Slash<'_>) -> Table {
        let mut route = Table::new("[[site.route]]", &slash.at.beside());
        route.set("path", values::text(slash.bare));
        let to = values::text(&format!("{}/", slash.bare));
        route.set("redirect", format!("{{ path = {to}, keep-query = true, status = 301 }}"));
        let note = "nginx leads from the path without its last slash to the location, and so does Weir";
        self.verdicts.unwritten(slash.at, "location /x/: 301 from /x", Same, "redirect", note);
        route
    }

    fn route(&mut self, location: &Location<'a>, listens: &Listens) -> Table {
        let mut route = Table::new("[[site.route]]", &location.block.at);
        let (key, value) = location.condition(location.is_insensitive());
        route.set(key, value);
        let action = match self.action(location) {
            // A changed path needs a prefix.
            Action::Pool(_, Some(_)) if location.wide => {
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
            let note = "nobody is let in here, for something around it or in it is not imported";
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
        if let Some(one) = scope.own("limit_req").first() {
            access::rate(route, scope, &self.zones, self.verdicts);
            if scope.has_above("limit_req") {
                self.verdicts.add(one, "the site's rate holds here too, which nginx puts this one in place of");
            }
        }
        let place = headers::Place { tls: listens.tls, port: listens.port, upgrades: &self.upgrades };
        headers::write(route, scope, &place, self.verdicts);
    }
}

/// The conditions of the routes so far, and of the one for `/`, which comes last: none of a later location is the same.
fn conditions(table: &Table, root: bool) -> HashSet<(&'static str, String)> {
    let of = |key| move |route: &Table| Some((key, route.value(key)?.to_owned()));
    let routes = table.below.iter();
    let all = routes.flat_map(|route| ["path", "prefix", "regex"].into_iter().filter_map(move |key| of(key)(route)));
    all.chain(root.then(|| ("prefix", values::text("/")))).collect()
}

/// A location whose requests a route before it takes. What is inside of it is on its own.
fn unreached(location: &Location<'_>, verdicts: &Verdicts) {
    let note = "never reached: what comes before it takes the same paths";
    verdicts.say(location.block, Ignored, "", note);
    for one in location.block.inside().iter().filter(|one| one.name != "location") {
        verdicts.say(one, Ignored, "", note);
        verdicts.silence(one, note);
    }
}

/// What becomes of requests that no other route takes: a site can redirect them itself.
fn last(table: &mut Table, route: Table) {
    match route.keys.as_slice() {
        [(key, value)] if key == "redirect" => table.set("redirect", value.clone()),
        _ => table.below.push(route),
    }
}

/// What is decided before a location is chosen.
struct Before {
    /// The paths that a rewrite takes.
    taken: Vec<regex::bytes::Regex>,
    rest: Rest,
}

/// What becomes of all other requests.
enum Rest {
    /// A location takes them.
    Open,
    /// They are answered, and reach no location.
    Answered(Action),
    /// Something that is not imported stands before the locations: nobody is let in to them.
    Closed,
}

impl Before {
    fn takes(&self, path: &str) -> bool {
        self.taken.iter().any(|expression| expression.is_match(path.as_bytes()))
    }
}
