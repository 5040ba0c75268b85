//! A `server` block becomes a site: its listeners, names, certificate, and what its locations do.

pub(super) mod access;
mod action;
mod client_auth;
mod conditions;
mod errors;
mod expressions;
mod guards;
mod headers;
mod inner_rewrites;
pub(super) mod listen;
mod locations;
mod names;
mod path_change;
mod redirects;
mod rewrites;
mod routes;

use std::collections::HashSet;

use self::access::Zones;
use self::action::Action;
pub(super) use self::conditions::Earlier as Answered;
use self::listen::{Listeners, Listens};
use self::names::{Face, Role, Taken};
use self::path_change::Matched;
use self::rewrites::Requests;
use super::class::Class::{Changed, Ignored, Refused, Same};
use super::kept;
use super::kept::Kept;
use super::parse::Directive;
use super::pool::Pools;
use super::report::Verdicts;
use super::scope::Scope;
use super::table::{GAP, Table};
use super::values;

pub(super) use self::headers::lost;

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
    /// Names without a site, of servers that keep people out.
    pub(super) kept: Vec<Kept>,
    /// Of the server that is read: some locations have rates of their own.
    pub(super) own_rates: bool,
    /// Of the server that is read: the requests that its `if` blocks answer.
    pub(super) answered: Answered,
}

impl<'a> Sites<'a, '_> {
    /// Reads one server.
    pub(super) fn add(&mut self, server: &'a Directive, http: &Scope<'a>) {
        let scope = http.inside(server);
        if scope.is_on("ssl_reject_handshake") && self.rejects(server, &scope) {
            return;
        }
        self.verdicts.same(server, "[[site]]");
        let listens = self.listeners.of(server, &scope, self.verdicts);
        if listens.all.is_empty() {
            return self.verdicts.missing(server, "it listens on nothing that Weir can listen on");
        }
        // What an `if` asks of the scheme is then always or never so, and certificates are shown or not.
        let differ = conditions::ask_for_scheme(&scope) || client_auth::asks(&scope).is_some();
        let apart = listens.speak_tls().is_none() && differ;
        for part in if apart { listens.by_scheme() } else { vec![listens] } {
            let scope = http.inside(server);
            scope.listens(part.speak_tls());
            self.part(server, &scope, &part);
        }
    }

    /// Reads a server as it is on these listeners.
    fn part(&mut self, server: &'a Directive, scope: &Scope<'a>, listens: &Listens) {
        let (faces, lost) = names::faces(server, scope, listens, &mut self.taken, self.verdicts);
        let mut table = Table::new("[[site]]", &server.at);
        table.guarded = guards::restricts(scope, true);
        let good = !faces.is_empty() && (!listens.tls || self.certificate(&mut table, server, scope));
        if table.guarded {
            self.lose(if good { &[] } else { &faces }, &lost, listens, server);
        }
        if !good {
            return;
        }
        client_auth::write(&mut table, scope, listens.tls, conditions::server_needs_certificate(scope), self.verdicts);
        access::body(&mut table, scope, &server.at, self.verdicts);
        access::logs(&mut table, &[scope.own("access_log"), scope.own("error_log")].concat(), scope, self.verdicts);
        // A location's rate holds in place of the server's, so each place then has its own.
        self.own_rates = ["limit_req", "limit_req_dry_run"].iter().any(|name| !scope.below(name).is_empty());
        if !self.own_rates {
            access::rate(&mut table, scope, &self.zones, listens, self.verdicts);
        }
        access::connections(scope, self.verdicts);
        self.pages.extend(errors::write(&mut table, scope, self.verdicts));
        self.routes(&mut table, listens, server, scope);
        if faces.len() > 1 {
            self.zones.split(self.verdicts);
        }
        for face in faces {
            let site = self.site(&face, server, &table);
            self.tables.push(site);
        }
    }

    /// Keeps in mind which requests of this server have no site: those of faces without one, and those for lost names. Where it
    /// has neither on a listener, no request reached it there in nginx.
    fn lose(&mut self, faces: &[Face], lost: &[String], listens: &Listens, server: &Directive) {
        for listener in listens.all.iter().map(|listen| &listen.name) {
            let own = || faces.iter().filter(|face| face.listeners.contains(listener));
            let mut names: Vec<String> = own().flat_map(|face| &face.hosts).chain(lost).cloned().collect();
            if names.is_empty() && own().next().is_some() {
                // Its requests are those that no other server has.
                names.push(String::new());
            }
            if !names.is_empty() {
                self.kept.push(Kept { listener: listener.clone(), names, nameless: false, from: server.at.clone() });
            }
        }
    }

    /// Other sites do not take the requests of names that are lost, where a server keeps people out of them.
    pub(super) fn keep(&mut self, servers: &[&Directive]) {
        for kept in std::mem::take(&mut self.kept) {
            for change in kept::keep(&mut self.tables, &kept, false, |_| true) {
                for server in servers.iter().filter(|server| server.at == change.from) {
                    self.verdicts.say(server, Changed, "default", change.note);
                    if change.shut {
                        self.verdicts.close(server, "these requests get 501, as all of this server");
                    }
                }
            }
        }
    }

    /// A server that refuses unknown names, as Weir does by itself. True where it is there for nothing else: requests without
    /// TLS may reach it too.
    fn rejects(&mut self, server: &'a Directive, scope: &Scope<'a>) -> bool {
        let (secure, others) = self.listeners.refusing(server, scope);
        let note = "an unknown server name gets no handshake anyway";
        let names = names::all(scope);
        if !names.is_empty() {
            let note = "its names get no handshake either; where another site would take them, they get 501";
            self.verdicts.say(server, Changed, "", note);
            let (names, from) = (&names, &server.at);
            let kept = |listener| Kept { listener, names: names.clone(), nameless: false, from: from.clone() };
            self.kept.extend(secure.into_iter().map(kept));
        }
        let lines =
            if others { scope.all("ssl_reject_handshake") } else { scope.innermost().chain([server]).collect() };
        lines.into_iter().for_each(|one| self.verdicts.say(one, Same, "", note));
        !others
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
        if chains.is_empty() || keys.is_empty() {
            self.verdicts.say(
                server,
                Refused,
                "certificate",
                "it speaks TLS, and has no ssl_certificate with its ssl_certificate_key",
            );
            return false;
        }
        let longer = if chains.len() > keys.len() { &chains } else { &keys };
        for one in longer.iter().skip(chains.len().min(keys.len())) {
            self.verdicts.missing(one, "each certificate has its key");
        }
        let pairs: Vec<_> = chains.iter().zip(&keys).collect();
        let unread = |one: &Directive| {
            let word = one.word();
            word.contains('$') || word.starts_with("data:") || word.starts_with("engine:")
        };
        if let Some((chain, _)) = pairs.iter().find(|(chain, key)| unread(chain) || unread(key)) {
            self.verdicts.missing(chain, "certificates are files");
            return false;
        }
        let mut written = Vec::new();
        for (chain, key) in pairs {
            let same = chain.word() == key.word();
            self.verdicts.say(chain, Same, "certificate.chain", if same { "one file for chain and key" } else { "" });
            self.verdicts.same(key, "certificate.key");
            let pair = [("chain", chain), ("key", key)]
                .map(|(name, one)| (name.to_owned(), values::text(&scope.file(one.word()))));
            written.push(values::inline(&pair));
        }
        let one = written.len() == 1;
        table.set("certificate", if one { written.concat() } else { format!("[{}]", written.join(", ")) });
        true
    }

    /// What the server does in the order of its lines before it chooses a location: its rewrites become routes before all
    /// others, until one of them, or a `return`, answers everything.
    fn before_locations(&mut self, table: &mut Table, server: &'a Directive, scope: &Scope<'a>) -> Before {
        let mut before = Before { taken: Vec::new(), rest: Rest::Open };
        self.answered = Answered::default();
        // An `if` that refuses requests stands among them and is not imported.
        let refuses = !guards::unread(scope).is_empty();
        let decides = |name: &str| matches!(name, "rewrite" | "return" | "break" | "if");
        let mut lines = scope.innermost().filter(|one| decides(&one.name));
        for one in lines.by_ref() {
            match one.name.as_str() {
                "if" => match self.condition(one, scope) {
                    Some((route, true)) => {
                        before.rest = Rest::Routed(route);
                        break;
                    }
                    found => {
                        table.below.extend(found.map(|(route, _)| route));
                        continue;
                    }
                },
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
                (Requests::None, _) => {}
                (Requests::All | Requests::Unclear, _) => {
                    before.rest = Rest::Closed;
                    break;
                }
                (Requests::Some(expression), redirect) => {
                    table.below.extend(before.route(one, expression, redirect, self.verdicts));
                }
            }
        }
        let note = "never reached: a line before it ends the list";
        lines.for_each(|one| {
            self.verdicts.say(one, Ignored, "", note);
            self.verdicts.silence(one, note);
        });
        before
    }

    /// The route that an `if` of the server is, and whether it takes all requests. Nothing where it is none, or takes none.
    fn condition(&mut self, one: &'a Directive, scope: &Scope<'a>) -> Option<(Table, bool)> {
        if !guards::unread(scope).is_empty() {
            return None;
        }
        let branch = conditions::of_server(one, scope)?;
        if self.answered.take(&branch.requests) {
            self.taken_before(one);
            return None;
        }
        branch.told(self.verdicts);
        let route = self.branch(&branch, None, scope)?;
        Some((route, branch.requests == conditions::Requests::All))
    }

    /// The redirect from `/esb` to `/esb/`, which nginx has for a location that proxies.
    fn slash(&self, slash: &locations::Slash<'_>) -> Table {
        let mut route = Table::new("[[site.route]]", &slash.at.beside());
        route.set("path", values::text(slash.bare));
        let to = values::text(&format!("{}/", values::in_a_url(slash.bare)));
        let redirect = format!("{{ path = {to}, keep-query = true, status = 301 }}");
        self.own(&mut route, ("redirect", redirect), &slash.scope);
        let note = "nginx leads from the path without its last slash to the location, and so does Weir";
        self.verdicts.unwritten(slash.at, "location /x/: 301 from /x", Same, "redirect", note);
        route
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
    /// This route takes them all.
    Routed(Table),
    /// Something that is not imported stands before the locations: nobody is let in to them.
    Closed,
}

impl Before {
    /// The route of a `rewrite` of these paths. Nothing, with a verdict, where a line before it takes them.
    fn route(
        &mut self,
        one: &Directive,
        paths: regex::bytes::Regex,
        redirect: Option<String>,
        verdicts: &Verdicts,
    ) -> Option<Table> {
        let (key, value) = rewrites::condition(&paths);
        let same = |taken: &regex::bytes::Regex| taken.as_str() == paths.as_str();
        if self.taken.iter().any(same) || key == "path" && self.takes(value.trim_matches('"')) {
            verdicts.say(one, Ignored, "", "never reached: a line before it takes the same paths");
            return None;
        }
        let mut route = Table::new("[[site.route]]", &one.at);
        route.set(key, value);
        match redirect {
            Some(redirect) => route.set("redirect", redirect),
            None => route.set("answer", GAP),
        }
        self.taken.push(paths);
        Some(route)
    }

    fn takes(&self, path: &str) -> bool {
        self.taken.iter().any(|expression| expression.is_match(path.as_bytes()))
    }
}
