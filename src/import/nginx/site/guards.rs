//! What keeps people out. Where Weir does not have it, nobody comes in.

use crate::import::nginx::known;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;

/// Whether something keeps people out of this place that Weir does not have.
pub(super) fn guarded(scope: &Scope<'_>, verdicts: &Verdicts) -> bool {
    let mut found = false;
    let mut close = |one: &Directive| {
        verdicts.missing(one, format!("{}; so nobody is let in here", known::lacks(&one.name)));
        found = true;
    };
    let holds = known::protecting().chain(["ssl_verify_client"]).filter_map(|name| scope.one(name));
    holds.filter(|one| one.word() != "off").for_each(&mut close);
    scope.conditions().into_iter().filter(|one| refuses(one)).for_each(&mut close);
    found
}

/// Whether this block keeps anybody out by what stands in it, or in a location inside.
pub(super) fn restricts(block: &Directive) -> bool {
    block.inside().iter().any(|one| match one.name.as_str() {
        "allow" => one.word() != "all",
        "limit_req" => true,
        "if" => one.inside().iter().any(closes),
        "location" => restricts(one),
        "ssl_verify_client" => one.word() != "off",
        name => closes(one) || known::protects(name) && one.word() != "off",
    })
}

/// Whether this `if` keeps some requests out.
pub(super) fn refuses(condition: &Directive) -> bool {
    condition.inside().iter().any(closes)
}

fn closes(one: &Directive) -> bool {
    one.name == "deny" || one.name == "return" && one.word().starts_with('4')
}
