//! `if` and `limit_except` that a route can be: requests of some methods, with a field, or for the names of the server are
//! answered, and never reach what stands behind.

use super::{client_auth, rewrites};
use crate::config::rules;
use crate::import::nginx::class::Class::{Changed, Ignored, Same, Wider};
use crate::import::nginx::known;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::{values, variables};

/// A block whose requests are answered.
pub(super) struct Branch<'a> {
    pub(super) block: &'a Directive,
    pub(super) requests: Requests,
    /// The line that answers.
    pub(super) answer: &'a Directive,
}

/// Which requests it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Requests {
    All,
    None,
    /// Those of a route with this key.
    Some(&'static str, String),
    /// Those of other methods.
    OtherMethods(Vec<String>),
}

impl Branch<'_> {
    /// Says that it is imported.
    pub(super) fn told(&self, verdicts: &Verdicts) {
        match &self.requests {
            Requests::None => {
                let note = "never so on the listeners of its site";
                verdicts.say(self.block, Ignored, "", note);
                verdicts.silence(self.block, note);
            }
            Requests::All if self.block.said().contains("$host") => {
                let note = "for each name of the server, so for all of its requests; clients that give no name are answered so too";
                verdicts.say(self.block, Changed, "", note);
            }
            Requests::All => verdicts.say(self.block, Same, "", "always so on the listeners of its site"),
            Requests::Some("methods", _) => {
                let note =
                    "a method in small letters is another one here, and reaches the nodes; nginx refuses it with 400";
                verdicts.say(self.block, Wider, "[[site.route]] methods", note);
            }
            Requests::Some(key, _) => verdicts.same(self.block, &format!("[[site.route]] {key}")),
            Requests::OtherMethods(_) => verdicts.same(self.block, "[[site.route]] methods"),
        }
    }
}

/// Whether Weir can do what this `if` of a server does.
pub(super) fn is_read(block: &Directive, server: &Scope<'_>) -> bool {
    let is_key = || {
        asks_for_certificate(block, server) && server_needs_certificate(server).is_some_and(|one| one.id == block.id)
    };
    of_server(block, server).is_some() || is_key()
}

/// What `if` of a server is, where a route can be it.
pub(super) fn of_server<'a>(block: &'a Directive, server: &Scope<'a>) -> Option<Branch<'a>> {
    let branch = of_if(block, server)?;
    (!matches!(branch.requests, Requests::OtherMethods(_))).then_some(branch)
}

/// What the branches so far take.
#[derive(Clone, Default)]
pub(crate) struct Earlier(Vec<Requests>);

impl Earlier {
    /// Whether one of them takes all of these requests. If none does, these count from now on.
    pub(super) fn take(&mut self, requests: &Requests) -> bool {
        let taken = self.0.iter().any(|earlier| earlier.take(requests));
        if !taken {
            self.0.push(requests.clone());
        }
        taken
    }
}

impl Requests {
    /// Whether all of the others are among these.
    fn take(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::Some("methods", own), Self::Some("methods", others)) => {
                let named = |list: &str| list.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
                let own = named(own);
                named(others).iter().all(|method| own.contains(method))
            }
            (Self::Some(..), Self::Some(..)) => self == others,
            _ => false,
        }
    }
}

/// Whether some `if` of the server or its locations asks whether the request came over TLS.
pub(super) fn ask_for_scheme(server: &Scope<'_>) -> bool {
    let asks = |one: &Directive| ["$scheme", "$https", "$ssl_protocol"].iter().any(|name| one.said().contains(name));
    server.own("if").into_iter().chain(server.below("if")).any(asks)
}

/// The `if` of a location that keeps those out who have shown no certificate, where nothing else asks anything there.
pub(super) fn needs_certificate<'a>(scope: &Scope<'a>) -> Option<&'a Directive> {
    let mut refusing = scope.own("if").into_iter().filter(|one| refuses(one));
    let (one, other) = (refusing.next()?, refusing.next());
    let alone = other.is_none() && scope.own("limit_except").is_empty() && scope.depth() > 2;
    (alone && asks_for_certificate(one, scope)).then_some(one)
}

/// The `if` of the server around this place that does so for all of it: nothing is decided before.
pub(super) fn server_needs_certificate<'a>(scope: &Scope<'a>) -> Option<&'a Directive> {
    let server = scope.server().filter(|server| client_auth::asks(server).is_some())?;
    let first = |name| server.own(name).into_iter().find(|one| name != "if" || refuses(one));
    let first = ["if", "rewrite", "return", "break"].into_iter().filter_map(first).min_by_key(|one| one.id)?;
    asks_for_certificate(first, &server).then_some(first)
}

/// Whether a line closes a place to all who have shown no certificate.
fn asks_for_certificate(one: &Directive, scope: &Scope<'_>) -> bool {
    let [answer] = one.inside() else { return false };
    let said = one.said().replace(['"', '\''], "");
    let asks = ["($ssl_client_verify != SUCCESS)", "($ssl_client_verify = NONE)"].contains(&said.as_str());
    let closes = answer.name == "return" && answer.word().starts_with(['4', '5']);
    // Without TLS nobody shows one, and with other CAs or none nginx asks something else.
    asks && closes && scope.speaks_tls() == Some(true) && client_auth::asks(scope).is_some()
}

/// Those of a location, in their order. Nothing where one of them is something else.
pub(super) fn of_location<'a>(scope: &Scope<'a>) -> Option<Vec<Branch<'a>>> {
    let key = needs_certificate(scope).map(|one| one.id);
    // Others change no more than what stands in them, and are missing.
    let ifs: Vec<_> = scope.own("if").into_iter().filter(|one| refuses(one)).collect();
    let ends = ["return", "rewrite"].into_iter().flat_map(|name| scope.own(name)).map(|one| one.id).min();
    if ifs.iter().any(|one| ends.is_some_and(|end| end < one.id)) {
        return None;
    }
    let limits = scope.own("limit_except");
    let all: Vec<_> = ifs
        .into_iter()
        .filter(|one| key != Some(one.id))
        .map(|one| of_if(one, scope))
        .chain(limits.into_iter().map(of_limit))
        .collect::<Option<_>>()?;
    // What only other methods reach is the last that is asked.
    let others = all.iter().position(|one| matches!(one.requests, Requests::OtherMethods(_)));
    others.is_none_or(|at| at + 1 == all.len()).then_some(all)
}

fn of_if<'a>(block: &'a Directive, scope: &Scope<'a>) -> Option<Branch<'a>> {
    let harmless = ["add_header", "access_log", "error_log", "default_type", "log_not_found"];
    let (answers, others): (Vec<_>, Vec<_>) = block.inside().iter().partition(|one| is_answer(one));
    let [answer] = answers.as_slice() else { return None };
    if !others.iter().all(|one| harmless.contains(&one.name.as_str())) {
        return None;
    }
    Some(Branch { block, requests: requests(&block.said(), scope)?, answer })
}

/// Whether this `if` keeps some requests from what stands behind it, or leads them elsewhere.
pub(super) fn refuses(condition: &Directive) -> bool {
    !condition.inside().iter().all(is_harmless)
}

/// Whether requests for which this line holds go where all others go. A name that nobody knows could lead them anywhere.
fn is_harmless(one: &Directive) -> bool {
    let name = one.name.as_str();
    let of_proxy = name.starts_with("proxy_") && name != "proxy_pass" && known::knows(name);
    !known::protects(name) && (of_proxy || HARMLESS.contains(&name) || known::is_settled(one) && known::knows(name))
}

/// What says nothing of who is let in, nor of where requests go.
const HARMLESS: [&str; 9] = [
    "access_log",
    "add_header",
    "break",
    "error_log",
    "expires",
    "limit_rate",
    "limit_rate_after",
    "more_set_headers",
    "set",
];

/// Whether this line answers requests itself.
fn is_answer(one: &Directive) -> bool {
    one.name == "return" || one.name == "rewrite" && rewrites::leads_all_away(one)
}

/// `limit_except GET POST { deny all; }`. GET stands for HEAD too.
fn of_limit(block: &Directive) -> Option<Branch<'_>> {
    let [answer] = block.inside() else { return None };
    if answer.name != "deny" || answer.word() != "all" {
        return None;
    }
    let mut methods: Vec<String> = block.words.iter().map(|word| word.to_ascii_uppercase()).collect();
    if methods.iter().any(|method| method == "GET") && !methods.iter().any(|method| method == "HEAD") {
        methods.push("HEAD".to_owned());
    }
    let requests = Requests::OtherMethods(all_methods(methods)?);
    Some(Branch { block, requests, answer })
}

/// The requests of a condition such as `($request_method = OPTIONS)`.
fn requests(condition: &str, scope: &Scope<'_>) -> Option<Requests> {
    let inside = condition.strip_prefix('(')?.strip_suffix(')')?.trim();
    let (variable, rest) = inside.split_once(char::is_whitespace)?;
    let (operator, value) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let value = unquoted(value.trim());
    if value.contains('$') && !operator.contains('~') {
        return None;
    }
    match (variable, operator) {
        ("$request_method", "=") => Some(of_methods(&all_methods(vec![value.to_owned()])?)),
        ("$request_method", "!=") => Some(Requests::OtherMethods(all_methods(vec![value.to_owned()])?)),
        ("$request_method", "~") => Some(of_methods(&listed(value)?)),
        ("$request_method", "!~") => Some(Requests::OtherMethods(listed(value)?)),
        ("$scheme", "=" | "!=") if matches!(value, "http" | "https") => {
            always(scope, (value == "https") == (operator == "="))
        }
        ("$https" | "$ssl_protocol", "=") if value.is_empty() => always(scope, false),
        ("$https", "=" | "!=") if value == "on" => always(scope, operator == "="),
        // Without TLS it is empty.
        ("$ssl_client_verify", "=" | "!=") if !value.is_empty() && scope.speaks_tls() == Some(false) => {
            Some(if operator == "=" { Requests::None } else { Requests::All })
        }
        ("$host", "=") => names(value, scope),
        (field, "=") => {
            let field = variables::named(field, "$http_")?.replace('_', "-");
            // nginx joins the lines of a field, those of Cookie with a semicolon; Weir compares each by itself.
            let joined = field.eq_ignore_ascii_case("cookie") || value.contains(',');
            let fits = rules::is_field_value(value) && !joined;
            let pair = [("name".to_owned(), values::text(&field)), ("value".to_owned(), values::text(value))];
            fits.then(|| Requests::Some("headers", format!("[{}]", values::inline(&pair))))
        }
        _ => None,
    }
}

/// Those of these methods.
pub(super) fn of_methods(methods: &[String]) -> Requests {
    Requests::Some("methods", values::texts(methods.iter().map(String::as_str)))
}

/// `^(GET|POST)$` and `^GET$`.
fn listed(expression: &str) -> Option<Vec<String>> {
    let whole = expression.strip_prefix('^')?.strip_suffix('$')?;
    let inside = match whole.strip_prefix('(') {
        Some(group) => group.strip_suffix(')')?.trim_start_matches("?:"),
        None if whole.contains('|') => return None,
        None => whole,
    };
    all_methods(inside.split('|').map(str::to_owned).collect())
}

/// Each once. Nothing where one is no method: routes compare them in capitals, as they come.
fn all_methods(methods: Vec<String>) -> Option<Vec<String>> {
    let fits = |method: &String| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let mut once = Vec::new();
    for method in methods.into_iter() {
        if !fits(&method) {
            return None;
        }
        if !once.contains(&method) {
            once.push(method);
        }
    }
    Some(once)
}

/// What is always or never so: whether the server speaks TLS. Nothing where it depends on the listener.
fn always(scope: &Scope<'_>, tls: bool) -> Option<Requests> {
    scope.speaks_tls().map(|speaks| if speaks == tls { Requests::All } else { Requests::None })
}

/// `($host = a)` for each name of the server with the same answer, as certbot writes it, is all of its requests.
fn names(value: &str, scope: &Scope<'_>) -> Option<Requests> {
    let (server, names) = (scope.server()?, scope.names());
    let written = server.own("server_name").iter().map(|one| one.words.len()).sum::<usize>();
    let is_default = |one: &Directive| one.words.iter().any(|word| word == "default_server" || word == "default");
    if names.is_empty()
        || names.len() > MOST_NAMES
        || names.len() < written
        || server.own("listen").into_iter().any(is_default)
    {
        return None;
    }
    if !names.iter().any(|name| name.eq_ignore_ascii_case(value)) {
        return Some(Requests::None);
    }
    let asked = |name: &str| scope.answer(&format!("($host = {name})"));
    let first = asked(value)?;
    names.iter().all(|name| asked(name) == Some(first)).then_some(Requests::All)
}

/// More names than certbot writes into a server.
const MOST_NAMES: usize = 64;

fn unquoted(value: &str) -> &str {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_those_that_are_listed() {
        let methods = |all: &[&str]| Some(all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(listed("^(GET|POST)$"), methods(&["GET", "POST"]));
        assert_eq!(listed("^(?:GET|GET)$"), methods(&["GET"]));
        assert_eq!(listed("^PUT$"), methods(&["PUT"]));
        for other in ["GET|POST", "^GET|POST$", "^(GET|P.*)$", "^(get)$", "^()$", "(GET)"] {
            assert_eq!(listed(other), None, "{other}");
        }
    }
}
