//! What keeps people out. Where Weir does not have it, nobody comes in.

use super::client_auth;
use super::conditions;
use super::conditions::refuses;
use crate::import::nginx::known;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;

/// Whether something keeps people out of this place that Weir does not have.
pub(super) fn guarded(scope: &Scope<'_>, verdicts: &Verdicts) -> bool {
    // A word that nobody knows could be `deny` with a typing error. The report says so of the line itself.
    let mut found = scope.has_unknown();
    let mut close = |one: &Directive| {
        verdicts.missing(one, format!("{}; so nobody is let in here", known::lacks(&one.name)));
        found = true;
    };
    let asks = client_auth::asks(scope).map(|(verify, _)| verify.id);
    protecting(scope).filter(|one| asks != Some(one.id)).for_each(&mut close);
    hides_fields(scope).into_iter().for_each(&mut close);
    unread(scope).into_iter().for_each(&mut close);
    found
}

/// The line that keeps the clients' fields from the nodes of this place. A node may believe a field that only nginx could set.
fn hides_fields<'a>(scope: &Scope<'a>) -> Option<&'a Directive> {
    let hides = scope.one("proxy_pass_request_headers").filter(|one| one.word() == "off");
    hides.filter(|_| !scope.own("proxy_pass").is_empty())
}

/// The `if` blocks of this place and of its server that refuse requests, and that no route can be.
pub(super) fn unread<'a>(scope: &Scope<'a>) -> Vec<&'a Directive> {
    let of_server = scope.unread_of_server(|one, server| refuses(one) && !conditions::is_read(one, server));
    let here = scope.depth() > 2 && conditions::of_location(scope).is_none();
    let own = here.then(|| scope.own("if")).into_iter().flatten().filter(|one| refuses(one));
    of_server.into_iter().chain(own).collect()
}

/// The directives with which somebody is kept out of this place, besides addresses.
fn protecting<'a>(scope: &Scope<'a>) -> impl Iterator<Item = &'a Directive> {
    // Locations inside do not have the limit_except of the one around them.
    let line =
        |name: &'static str| if name == "limit_except" { scope.own(name).first().copied() } else { scope.one(name) };
    let holds = known::protecting().chain(["ssl_verify_client"]).filter_map(line);
    let limits = conditions::of_location(scope).is_some();
    let own: Vec<_> = scope.own("limit_except").into_iter().filter(|_| limits).map(|one| one.id).collect();
    holds.filter(move |one| one.word() != "off" && !own.contains(&one.id))
}

/// Whether something keeps people out of this place or of a location inside. What is handed down to it counts where `handed`
/// says so.
pub(super) fn restricts(scope: &Scope<'_>, handed: bool) -> bool {
    keeps_out(scope, handed) || scope.own("location").into_iter().any(|one| restricts(&scope.inside(one), handed))
}

/// Whether something keeps people out of this place itself.
pub(super) fn keeps_out(scope: &Scope<'_>, handed: bool) -> bool {
    let decides = || scope.rules().into_iter().find(|one| one.name == "deny" || one.word() == "all");
    let who = || decides().is_some_and(|one| one.name == "deny") || protecting(scope).next().is_some();
    handed && who()
        || scope.own("if").into_iter().any(refuses)
        || !scope.own("limit_except").is_empty()
        || scope.own("return").first().is_some_and(|one| one.word().starts_with(['4', '5']))
        || scope.has_unknown()
}

/// Whether the nodes get all requests of this place.
pub(super) fn proxies(scope: &Scope<'_>) -> bool {
    let has = |name: &&str| !scope.own(name).is_empty();
    has(&"proxy_pass") && !["return", "rewrite", "try_files"].iter().any(has)
}

/// Whether locations of this place say who may come, so that they differ in it. Where none does, all of them have what is
/// handed down to them.
pub(super) fn vary(scope: &Scope<'_>) -> bool {
    let says = |one: &Directive| {
        matches!(one.name.as_str(), "allow" | "deny" | "ssl_verify_client") || known::protects(&one.name)
    };
    let inner = |one: &Directive| one.inside().iter().any(says);
    let mut blocks = scope.own("location");
    while let Some(block) = blocks.pop() {
        if inner(block) {
            return true;
        }
        blocks.extend(block.inside().iter().filter(|one| one.name == "location"));
    }
    false
}
