//! `proxy_set_header`, `add_header` and what hides fields: what Weir sends anyway, and what becomes fields of its own.

use std::collections::{HashMap, HashSet};

use crate::config::rules;
use crate::import::nginx::class::Class;
use crate::import::nginx::class::Class::{Better, Changed, Ignored, Same, Wider};
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::table::Table;
use crate::import::nginx::variables::Certificates;
use crate::import::nginx::{values, variables};

/// What is known of the place.
pub(super) struct Place<'a> {
    pub(super) tls: bool,
    pub(super) port: u16,
    /// Variables that say how a client wants to go on: those of a `map` over `$http_upgrade`.
    pub(super) upgrades: &'a [String],
    /// Nodes are asked for another path.
    pub(super) changes_path: bool,
    pub(super) certificates: Certificates,
}

/// Writes `request-headers` and `response-headers` of this place.
pub(super) fn write(table: &mut Table, scope: &Scope<'_>, place: &Place<'_>, verdicts: &Verdicts) {
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    let lines = scope.all("proxy_set_header");
    for one in &lines {
        match to_node(one, place, verdicts) {
            Edit::None => {}
            Edit::Set(name, value) => set.push((name, value)),
            Edit::Remove(name) => remove.push(name),
        }
    }
    if let Some(pass) = scope.one("proxy_pass") {
        let says = |name: &str| lines.iter().any(|one| one.word().eq_ignore_ascii_case(name));
        if !says("host") {
            let note = "nodes get the Host that the client sent; nginx sends the name in proxy_pass";
            verdicts.unwritten(&pass.at, "proxy_set_header Host $proxy_host", Changed, "", note);
        }
        if !says("upgrade") {
            let note = "a client may go on by WebSocket, which nginx does not let through here; upgrades = [] on the site \
                        ends that";
            verdicts.unwritten(&pass.at, "proxy_set_header Upgrade \"\"", Wider, "upgrades", note);
        }
    }
    several(&lines, verdicts);
    edits(table, "request-headers", &set, &[], &remove);
    let (mut add, mut hidden) = (Vec::new(), Vec::new());
    let lines = scope.all("add_header");
    for one in &lines {
        add.extend(to_client(one, verdicts));
    }
    several(&lines, verdicts);
    for one in scope.all("proxy_hide_header") {
        hidden.extend(hidden_field(one, verdicts));
    }
    edits(table, "response-headers", &[], &add, &hidden);
}

/// Writes `response-headers` of a place that Weir answers itself, by this key of a route and its value.
pub(super) fn of_own_answers(table: &mut Table, key: &str, value: &str, scope: &Scope<'_>, verdicts: &Verdicts) {
    let good = ["200", "201", "204", "206", "301", "302", "303", "304", "307", "308"];
    let good = key == "redirect" || good.iter().any(|status| value.starts_with(&format!("{{ status = {status}")));
    let (mut add, mut sent) = (Vec::new(), Vec::new());
    for one in scope.all("add_header") {
        if key == "answer" && is_content_type(one) {
            let note = "an answer without a body has no Content-Type, and one with a body has one";
            verdict_once(one, Changed, note, verdicts);
        } else if good || is_for_all(one) {
            add.extend(to_client(one, verdicts));
            sent.push(one);
        } else {
            verdict_once(one, Same, "not in an answer of this status, as in nginx", verdicts);
        }
    }
    several(&sent, verdicts);
    edits(table, "response-headers", &[], &add, &[]);
}

fn verdict_once(one: &Directive, class: Class, note: &str, verdicts: &Verdicts) {
    if !verdicts.has(one) {
        verdicts.say(one, class, "", note);
    }
}

/// Whether it is the field that `content-type` of an answer writes.
pub(super) fn is_content_type(field: &Directive) -> bool {
    field.word().eq_ignore_ascii_case("content-type")
}

/// Whether nginx sends this field with every status.
fn is_for_all(field: &Directive) -> bool {
    field.words.get(2).is_some_and(|word| word == "always")
}

/// What is said of lines that nginx loses, since a level below has some of its own.
pub(crate) fn lost(one: &Directive, verdicts: &Verdicts) {
    if one.name == "proxy_set_header" && sends_anyway(one.word()) {
        verdicts.say(
            one,
            Better,
            "",
            "nginx loses this line, since the locations have lines of their own; Weir sends the field anyway",
        );
    }
}

fn sends_anyway(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let forwarded = name.strip_prefix("x-forwarded-").is_some_and(|what| FORWARDED.contains(&what));
    forwarded || matches!(name.as_str(), "host" | "x-real-ip" | "x-request-id" | "upgrade" | "connection")
}

/// What Weir tells the nodes in X-Forwarded fields.
const FORWARDED: [&str; 5] = ["for", "host", "server", "proto", "port"];

enum Edit {
    None,
    Set(String, String),
    Remove(String),
}

fn to_node(one: &Directive, place: &Place<'_>, verdicts: &Verdicts) -> Edit {
    let name = one.word().to_owned();
    let value = one.words.get(1).map_or("", String::as_str);
    let scheme = if place.tls { "https" } else { "http" };
    let (class, note) = match (name.to_ascii_lowercase().as_str(), value) {
        ("host", "$http_host" | "$host") if value == "$http_host" => (Same, "always"),
        ("host", "$host") => (Better, "the whole Host, with its port"),
        ("host", "" | "$host:$server_port" | "$http_host:$server_port") => {
            (Changed, "Host goes on as the client sent it")
        }
        ("host", "$proxy_host") => (Changed, "Host goes on as the client sent it"),
        ("x-forwarded-host" | "x-forwarded-server", "$host" | "$http_host" | "$server_name") => (Same, "always"),
        ("x-forwarded-for", "$proxy_add_x_forwarded_for") => (Same, "always"),
        ("x-forwarded-for", "$remote_addr") => (
            Wider,
            "what a client sends is kept, its address appended; trusted-proxies = [] on the listener believes nobody",
        ),
        ("x-forwarded-proto", "$scheme" | "$http_x_forwarded_proto") => (Same, "always"),
        ("x-forwarded-proto", fixed) if fixed == scheme => (Same, "always"),
        ("x-forwarded-port", "$server_port") => (Same, "always; the port that the client sees"),
        ("x-forwarded-port", fixed) if fixed == place.port.to_string() => {
            (Same, "always; the port that the client sees")
        }
        ("x-forwarded-port", _) => (Changed, "the port that the client sees: of Host, or public-port on the listener"),
        ("x-forwarded-proto", _) => {
            (Changed, "the scheme of this listener; where TLS ends in front, trusted-proxies names that proxy")
        }
        ("x-real-ip", "$remote_addr") => (Same, "always"),
        ("x-request-id", "$request_id") => (Same, "always"),
        ("upgrade", "$http_upgrade") => (Same, "upgrades: WebSocket by default"),
        ("connection", "" | "upgrade" | "Upgrade" | "keep-alive" | "close" | "$http_connection") => {
            (Same, "Weir writes Connection itself")
        }
        ("connection", variable) if place.upgrades.iter().any(|known| known == variable) => (Same, "upgrades"),
        (field, _) if field != "host" && sends_anyway(field) => (Changed, "Weir writes this field itself"),
        ("x-forwarded-prefix", _) if place.changes_path => (Changed, "the prefix that upstream-path replaces"),
        (field, _) if field.starts_with("x-forwarded-") => {
            let note = "of the X-Forwarded fields nodes get For, Host, Server, Proto and Port, and Prefix where the path \
                        changes, and no others";
            verdicts.missing(one, note);
            return Edit::None;
        }
        (field, _) if is_of_the_connection(field) => (Changed, "Weir writes this field itself"),
        _ if !rules::is_field_to_node(&name) => {
            verdicts.missing(one, format!("{name} is no name of a field"));
            return Edit::None;
        }
        (_, "") => {
            verdicts.same(one, "request-headers.remove");
            return Edit::Remove(name);
        }
        (field, variable) if variable == format!("$http_{}", field.replace('-', "_")) => {
            (Same, "what the client sends passes")
        }
        (field, value) => return field_to_set(one, field, (value, place), verdicts),
    };
    verdicts.say(one, class, "", note);
    Edit::None
}

/// A value that takes something from the request, or nothing. A node that gets another one, or none, from nginx does not get
/// the client's own.
fn field_to_set(one: &Directive, field: &str, (value, place): (&str, &Place<'_>), verdicts: &Verdicts) -> Edit {
    let lacks = |why: &str| {
        let note = if field == "host" { "" } else { "; so the node gets none, nor the client's own" };
        verdicts.missing(one, format!("{why}{note}"));
        if field == "host" { Edit::None } else { Edit::Remove(one.word().to_owned()) }
    };
    if !is_sent(value) {
        return lacks(UNSENT);
    }
    if !place.tls && variables::is_of_certificate(value) {
        verdicts.say(one, Same, "request-headers.remove", "empty, since nobody shows a certificate there");
        return Edit::Remove(one.word().to_owned());
    }
    match variables::value(value, place.certificates) {
        Ok(value) if field == "host" && !rules::is_host_value(&value.text) => {
            lacks("Host is a fixed name, or the one that the client sent")
        }
        Ok(value) => {
            verdicts.say(one, value.class, "request-headers.set", value.note);
            Edit::Set(one.word().to_owned(), value.text)
        }
        Err(why) => lacks(&why),
    }
}

/// The field that a line of `proxy_hide_header` takes away.
fn hidden_field(one: &Directive, verdicts: &Verdicts) -> Option<String> {
    let name = one.word();
    if is_of_the_connection(name) {
        verdicts.say(one, Same, "", "Weir writes this field itself");
    } else if rules::is_field_to_client(name) {
        verdicts.same(one, "response-headers.remove");
        return Some(name.to_owned());
    } else {
        verdicts.missing(one, format!("{name} is no name of a field"));
    }
    None
}

/// Fields of the connection and of the framing, which no edit of Weir changes.
fn is_of_the_connection(name: &str) -> bool {
    let own = ["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"];
    own.iter().chain(&["upgrade", "expect"]).any(|own| name.eq_ignore_ascii_case(own))
}

/// Whether a field of Weir can have this value.
fn is_sent(value: &str) -> bool {
    rules::is_field_value(value)
}

const UNSENT: &str = "values are visible ASCII characters, with blanks between them alone";

fn to_client(one: &Directive, verdicts: &Verdicts) -> Option<(String, String)> {
    let (name, value) = (one.word(), one.words.get(1).map_or("", String::as_str));
    if name.eq_ignore_ascii_case("x-request-id") && value == "$request_id" {
        verdicts.say(one, Same, "", "always");
        return None;
    }
    if value.is_empty() {
        verdicts.say(one, Ignored, "", "nginx sends no field without a value");
        return None;
    }
    if is_of_the_connection(name) {
        verdicts.say(one, Changed, "", "Weir writes this field itself");
        return None;
    }
    if !rules::is_field_to_client(name) {
        verdicts.missing(one, format!("{name} is no name of a field"));
        return None;
    }
    if !is_sent(value) {
        verdicts.missing(one, UNSENT);
        return None;
    }
    let value = match variables::value(value, Certificates::No) {
        Ok(value) => value,
        Err(lacks) => {
            verdicts.missing(one, lacks);
            return None;
        }
    };
    verdicts.say(one, value.class, "response-headers.add", value.note);
    if !is_for_all(one) {
        verdicts.say(one, Wider, "response-headers.add", "in answers of every status");
    }
    Some((name.to_owned(), value.text))
}

fn edits(table: &mut Table, key: &str, set: &[(String, String)], add: &[(String, String)], remove: &[String]) {
    let mut pairs = Vec::new();
    for (word, fields) in [("set", set), ("add", add)] {
        if !fields.is_empty() {
            pairs.push((word.to_owned(), values::inline(&joined(fields))));
        }
    }
    // nginx sends a field of which one line has a value.
    let mut seen: HashSet<String> = set.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let remove: Vec<&str> =
        remove.iter().filter(|name| seen.insert(name.to_ascii_lowercase())).map(String::as_str).collect();
    if !remove.is_empty() {
        pairs.push(("remove".to_owned(), values::texts(remove)));
    }
    if !pairs.is_empty() {
        table.set(key, values::inline(&pairs));
    }
}

/// Fields as a TOML table has them: each name once, with all values in one line where that means the same.
fn joined(fields: &[(String, String)]) -> Vec<(String, String)> {
    let (mut all, mut places) = (Vec::<(&str, String)>::new(), HashMap::new());
    for (name, value) in fields {
        let place = *places.entry(name.to_ascii_lowercase()).or_insert(all.len());
        match (all.get_mut(place), between(name)) {
            (Some((_, before)), Some(between)) => before.extend([between, value]),
            (Some((_, before)), None) => before.clone_from(value),
            (None, _) => all.push((name, value.clone())),
        }
    }
    all.into_iter().map(|(name, value)| (values::text(name), values::text(&value))).collect()
}

/// What stands between the values of two lines in one. Nothing where they cannot be one (RFC 9110 5.3).
fn between(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "set-cookie" | "host" => None,
        "cookie" => Some("; "),
        _ => Some(", "),
    }
}

/// Says what becomes of lines that have one name.
fn several(lines: &[&Directive], verdicts: &Verdicts) {
    let mut by_name = HashMap::<String, Vec<&Directive>>::new();
    lines.iter().for_each(|one| by_name.entry(one.word().to_ascii_lowercase()).or_default().push(one));
    for (name, lines) in by_name.iter().filter(|(_, lines)| lines.len() > 1) {
        match (between(name), lines.split_last()) {
            (Some(_), _) => lines.iter().for_each(|one| verdicts.add(one, "in one line with the others of this name")),
            (None, Some((_, earlier))) => {
                let note = "a place has one line of this name, and the last one is it";
                earlier.iter().for_each(|one| verdicts.missing(one, note));
            }
            (None, None) => {}
        }
    }
}
