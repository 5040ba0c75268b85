//! The locations of a server as routes of its site, in the order in which Weir asks them.

use std::collections::HashSet;

use super::action::Action;
use super::listen::Listens;
use super::locations::{Kind, Location};
use super::{GAP, Rest, Sites, access, action, client_auth, conditions, headers, locations};
use crate::import::nginx::class::Class::{Ignored, Narrower, Same};
use crate::import::nginx::known;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::table::Table;
use crate::import::nginx::values;

impl<'a> Sites<'a, '_> {
    /// What a server's locations do, each as a route of its site.
    pub(super) fn routes(&mut self, table: &mut Table, listens: &Listens, server: &'a Directive, scope: &Scope<'a>) {
        let mut before = self.before_locations(table, server, scope);
        let closed = match std::mem::replace(&mut before.rest, Rest::Open) {
            Rest::Open => false,
            Rest::Closed => true,
            Rest::Answered(action) => {
                let mut route = Table::new("[[site.route]]", &server.at);
                self.fill(&mut route, action, scope, listens);
                return self.instead_of_locations(table, route, scope);
            }
            Rest::Routed(route) => return self.instead_of_locations(table, route, scope),
        };
        let mut all = locations::read(scope, self.verdicts);
        all.iter_mut().filter(|_| closed).for_each(|one| one.closed = true);
        let root = all.iter().position(|one| one.path == "/" && matches!(one.kind, Kind::Firm | Kind::Prefix));
        for slash in locations::slashes(&all).into_iter().filter(|one| !before.takes(one.bare)) {
            table.below.push(self.slash(&slash));
        }
        let root = root.map(|at| all.remove(at));
        let mut seen = conditions_of(table, root.is_some());
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
            let routes = self.route(&location, listens, &mut seen);
            table.below.extend(routes);
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

    /// The routes of a location. `seen` has the conditions of the routes so far.
    fn route(&mut self, location: &Location<'a>, listens: &Listens, seen: &mut Conditions) -> Vec<Table> {
        let condition = location.condition(location.is_insensitive());
        let action = self.action(location);
        // A changed path needs a prefix, which ends with a segment.
        let narrow = location.wide && matches!(action, Action::Pool(_, Some(_)));
        let Branches { mut routes, others, ends } = self.branches(location, Some(&condition), &action);
        if ends {
            return routes;
        }
        let own = if narrow { ("prefix", values::text(location.path)) } else { condition.clone() };
        if !narrow || seen.insert(own.clone()) {
            let mut route = Table::new("[[site.route]]", &location.block.at);
            route.set(own.0, own.1);
            others.iter().for_each(|(methods, _)| route.set("methods", methods));
            self.fill(&mut route, action, &location.scope, listens);
            routes.push(route);
        }
        if narrow {
            let note =
                format!("{path} and what is below it; {path}x, which nginx takes too, gets 501", path = location.path);
            self.verdicts.say(location.block, Narrower, "[[site.route]] prefix", note);
        }
        routes.extend(others.map(|(_, route)| route).or_else(|| narrow.then(|| closed(location.block, &condition))));
        routes
    }

    /// Routes for requests that an `if` or a `limit_except` of the location answers.
    fn branches(&mut self, location: &Location<'a>, condition: Option<&Condition>, action: &Action) -> Branches {
        let mut found = Branches { routes: Vec::new(), others: None, ends: false };
        let mut earlier = self.answered.clone();
        let all = conditions::of_location(&location.scope).filter(|_| !matches!(action, Action::Gap));
        for branch in all.into_iter().flatten() {
            if found.ends {
                let note = "never reached: what stands before it answers all requests";
                self.verdicts.say(branch.block, Ignored, "", note);
                self.verdicts.silence(branch.block, note);
                continue;
            }
            if earlier.take(&branch.requests) {
                self.taken_before(branch.block);
                continue;
            }
            branch.told(self.verdicts);
            let Some(route) = self.branch(&branch, condition, &location.scope) else { continue };
            if let conditions::Requests::OtherMethods(methods) = &branch.requests {
                // Where an `if` takes the methods that are left, nothing reaches the location.
                if earlier.take(&conditions::of_methods(methods)) {
                    found.ends = true;
                    found.routes.push(route);
                    continue;
                }
                found.others = Some((values::texts(methods.iter().map(String::as_str)), route));
            } else {
                found.ends = branch.requests == conditions::Requests::All;
                found.routes.push(route);
            }
        }
        found
    }

    /// A branch whose requests an earlier one takes.
    pub(super) fn taken_before(&self, block: &Directive) {
        let note = "never reached: an `if` before it takes these requests";
        self.verdicts.say(block, Ignored, "", note);
        self.verdicts.silence(block, note);
    }

    /// The route for requests that are answered; nothing where there are none.
    pub(super) fn branch(
        &mut self,
        branch: &conditions::Branch<'a>,
        on: Option<&Condition>,
        scope: &Scope<'a>,
    ) -> Option<Table> {
        let mut route = Table::new("[[site.route]]", &branch.block.at);
        on.into_iter().for_each(|(key, value)| route.set(key, value));
        match &branch.requests {
            conditions::Requests::None => return None,
            conditions::Requests::Some(key, value) => route.set(key, value),
            conditions::Requests::All | conditions::Requests::OtherMethods(_) => {}
        }
        let inside = scope.inside(branch.block);
        match action::answered(branch.answer, &inside, self.verdicts) {
            Action::Own(key, value) => self.own(&mut route, (key, value), &inside),
            _ => self.gap(&mut route, &inside),
        }
        Some(route)
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
        let Branches { mut routes, others, ends } = self.branches(root, None, &action);
        let answered = routes.pop_if(|_| ends);
        table.below.extend(routes);
        if let Some(route) = answered {
            return last(table, route);
        }
        let mut route = Table::new("[[site.route]]", &root.block.at);
        others.iter().for_each(|(methods, _)| route.set("methods", methods));
        self.fill(&mut route, action, &root.scope, listens);
        if let Some((_, other)) = others {
            table.below.extend([route, other]);
            return;
        }
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

    /// The server answers all requests by this route.
    fn instead_of_locations(&self, table: &mut Table, route: Table, scope: &Scope<'a>) {
        let note = "never reached: the server answers all requests itself";
        for block in scope.own("location") {
            self.verdicts.say(block, Ignored, "", note);
            self.verdicts.silence(block, note);
        }
        last(table, route);
    }

    fn fill(&mut self, route: &mut Table, action: Action, scope: &Scope<'a>, listens: &Listens) {
        let rules = access::access(scope, Some(listens), self.verdicts);
        if scope.depth() > 2 {
            access::logs_of_a_place(scope, self.verdicts);
        }
        match action {
            Action::Gap => return self.gap(route, scope),
            // Who may not come is not asked before a `return`, which nginx carries out first.
            Action::Own(key, value) => {
                self.need_certificate(route, scope, key);
                return self.own(route, (key, value), scope);
            }
            Action::Pool(..) if matches!(rules, access::Access::Nobody) => {
                return self.own(route, ("deny", "true".to_owned()), scope);
            }
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
            return self.gap(route, scope);
        }
        let is_needed =
            self.need_certificate(route, scope, "pool") || conditions::server_needs_certificate(scope).is_some();
        access::own_body(route, scope, self.verdicts);
        if self.own_rates {
            access::rate(route, scope, &self.zones, listens, self.verdicts);
        }
        let (upgrades, changes_path) = (&*self.upgrades, route.value("upstream-path").is_some());
        let certificates = client_auth::certificates(scope, listens.tls, is_needed);
        let place = headers::Place { tls: listens.tls, port: listens.port, upgrades, changes_path, certificates };
        headers::write(route, scope, &place, self.verdicts);
    }

    /// Whether who has shown no certificate is kept out of this place, which does `action`.
    fn need_certificate(&self, route: &mut Table, scope: &Scope<'a>, action: &str) -> bool {
        let Some(block) = conditions::needs_certificate(scope) else { return false };
        client_auth::is_needed(block, "[[site.route]] client-auth", self.verdicts);
        if action != "deny" {
            route.set("client-auth", values::text("required"));
        }
        true
    }

    /// What Weir answers itself, with the fields of such an answer.
    pub(super) fn own(&self, route: &mut Table, (key, value): (&str, String), scope: &Scope<'_>) {
        route.set(key, &value);
        headers::of_own_answers(route, key, &value, scope, self.verdicts);
    }

    /// A place where nobody is let in. What stands in it has no effect here.
    fn gap(&self, route: &mut Table, scope: &Scope<'_>) {
        let unsaid = scope.innermost().filter(|one| !self.verdicts.has(one) && one.block.is_none());
        let unsaid = unsaid.filter(|one| known::knows(&one.name) && !known::has_a_word(one));
        unsaid.for_each(|one| self.verdicts.missing(one, "these requests get 501, for what else stands here"));
        route.set("answer", GAP);
    }
}

/// What stands before the route of a location.
struct Branches {
    routes: Vec<Table>,
    /// The methods that reach the location itself, and the route for all other ones.
    others: Option<(String, Table)>,
    /// The last of the routes takes all that is left.
    ends: bool,
}

/// The key of a route and its value.
type Condition = (&'static str, String);
type Conditions = HashSet<Condition>;

/// A route whose requests reach no node.
fn closed(block: &Directive, (key, value): &Condition) -> Table {
    let mut route = Table::new("[[site.route]]", &block.at.beside());
    route.set(key, value);
    route.set("answer", GAP);
    route
}

/// The conditions of the routes so far, and of the one for `/`, which comes last: none of a later location is the same.
fn conditions_of(table: &Table, root: bool) -> Conditions {
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
        // Fields of the site would hold for all of its routes too.
        [(one, _), (other, _)] if one == "redirect" && other == "response-headers" && table.below.is_empty() => {
            route.keys.into_iter().for_each(|(key, value)| table.set(&key, value));
        }
        _ => table.below.push(route),
    }
}
