//! `request-headers` and `response-headers` of sites and routes: fields that are set or removed.

use std::collections::HashSet;
use std::sync::Arc;

use super::request_values;
use crate::config::model::{Edits, FieldValue, Listener, RequestIds, RequestValue};
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::value::Text;
use crate::config::text::words;
use crate::config::text::words::{is_token, quoted};

const EXAMPLE: &str = "{ \"X-Tenant\" = \"gold\" }";

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// A request, to the node.
    ToNode,
    /// An answer, to the client.
    ToClient,
}

/// Which values the requests of a site do not have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lacks<'a> {
    /// A listener of the site whose requests have no id.
    pub(crate) ids: Option<&'a Listener>,
    /// Its clients are asked for no certificate.
    pub(crate) certificates: bool,
}

/// Reads the section's edits for messages in this direction.
pub(crate) fn read(section: &Section<'_>, direction: Direction, lacks: Lacks<'_>) -> Edits {
    let (key, table) = match direction {
        Direction::ToNode => ("request-headers", "site.request-headers"),
        Direction::ToClient => ("response-headers", "site.response-headers"),
    };
    let Some(section) = section.section(key, table) else { return Edits::default() };
    let mut names = FieldNames::default();
    let set = section.value("set").and_then(|value| value.pairs(EXAMPLE)).unwrap_or_default();
    let has_values = |text: &Text<'_>, value: &FieldValue| has_values(text, value, lacks);
    let set = set.iter().filter_map(|(name, text)| {
        let (name, value) = field(name, text, direction, &mut names)?;
        has_values(text, &value).then_some((name, value))
    });
    let set = set.collect();
    let remove = section.texts("remove").unwrap_or_default();
    let remove = remove.iter().filter_map(|name| removed(name, direction, &mut names)).collect();
    let add = (direction == Direction::ToClient)
        .then(|| section.value("add").and_then(|value| value.pairs(EXAMPLE)))
        .flatten();
    let add = add.unwrap_or_default();
    let add = add.iter().filter_map(|(name, text)| {
        let (name, value) = (added(name)?, text.parsed(value)?);
        has_values(text, &value).then_some((name, value))
    });
    Edits { set, add: add.collect(), remove }
}

/// The first of these listeners whose requests have no id.
pub(crate) fn without_ids<'a>(listeners: impl IntoIterator<Item = &'a Listener>) -> Option<&'a Listener> {
    listeners.into_iter().find(|listener| listener.request_id == RequestIds::Off)
}

/// Refuses what would have no value.
fn has_values(text: &Text<'_>, value: &FieldValue, lacks: Lacks<'_>) -> bool {
    if lacks.certificates && value.takes_certificate() {
        let what = "a value of the client's certificate: this site asks for none";
        text.refuse(what, "write client-auth = { ca = \"…\" } at the site, or leave it out here");
        return false;
    }
    let Some(listener) = lacks.ids.filter(|_| value.takes(RequestValue::RequestId)) else { return true };
    let what = format!("$request-id has no value: listener {:?} has request-id = \"off\"", listener.name);
    text.refuse(what, "write \"make\" there, or leave it out here");
    false
}

/// Merges the site's edits with the route's. The route's win.
pub(crate) fn merged(site: &Edits, route: Edits) -> Edits {
    let of_route = |name: &str| {
        let set = route.set.iter().map(|(set, _)| set);
        set.chain(&route.remove).any(|own| own.eq_ignore_ascii_case(name))
    };
    let set: Vec<_> = site.set.iter().filter(|(name, _)| !of_route(name)).cloned().collect();
    let remove: Vec<_> = site.remove.iter().filter(|name| !of_route(name)).cloned().collect();
    let add = site.add.iter().filter(|(name, _)| !of_route(name)).cloned();
    let add = add.chain(route.add).collect();
    Edits { set: [set, route.set].concat(), add, remove: [remove, route.remove].concat() }
}

/// A field name as written.
pub(crate) fn field_name(text: &str) -> Result<Arc<str>, Wrong> {
    match is_token(text) {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            format!("{} is no header name", quoted(text)),
            "write letters, digits and dashes, as in \"X-Tenant\"",
        )),
    }
}

/// A field value. It has no byte that ends the line (RFC 9110 section 5.5). It may be a secret, so what is wrong with it is
/// told without it.
pub(crate) fn field_value(text: &str) -> Result<Arc<str>, Wrong> {
    let wrong = |advice: &str| Err(Wrong::new("the value cannot stand in a header".to_owned(), advice));
    match text {
        "" => wrong("write a text, or leave it out"),
        _ if text.trim() != text => wrong("leave the blanks around it out"),
        _ if text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') => Ok(text.into()),
        _ => wrong("write visible ASCII characters and blanks alone"),
    }
}

fn field(
    name: &Text<'_>,
    value: &Text<'_>,
    direction: Direction,
    names: &mut FieldNames,
) -> Option<(Arc<str>, FieldValue)> {
    let host = name.text.eq_ignore_ascii_case("host");
    let checked = name.parsed(|text| changeable(text, direction));
    let value = value.parsed(|text| if host { request_values::read_host(text) } else { self::value(text) });
    names.add(name);
    if direction == Direction::ToClient && name.text.eq_ignore_ascii_case("set-cookie") {
        let what = "Set-Cookie under set would replace the node's own, its session's too";
        name.refuse(what, "write it under add, which leaves them as they are");
        return None;
    }
    Some((checked?, value?))
}

fn added(name: &Text<'_>) -> Option<Arc<str>> {
    name.parsed(|text| changeable(text, Direction::ToClient))
}

/// A value that is the same for every request. A variable is refused, because it would be sent as text.
pub(crate) fn written(text: &str) -> Result<Arc<str>, Wrong> {
    match words::variable(text) {
        Some(name) => {
            let what = format!("{name} would be sent as it stands: there are no variables here");
            Err(Wrong::new(what, "write the value itself"))
        }
        None => field_value(text),
    }
}

/// A value that may take something from the request.
fn value(text: &str) -> Result<FieldValue, Wrong> {
    request_values::read(&field_value(text)?)
}

fn removed(name: &Text<'_>, direction: Direction, names: &mut FieldNames) -> Option<Arc<str>> {
    names.add(name);
    if direction == Direction::ToNode && name.text.eq_ignore_ascii_case("host") {
        name.refuse("every request has a Host", "write another one with set, or leave it out here");
        return None;
    }
    Some(name.parsed(|text| changeable(text, direction))?.to_ascii_lowercase().into())
}

/// Refuses fields that only Weir may write: those that control the connection, and those that tell the node about the
/// client.
pub(crate) fn changeable(text: &str, direction: Direction) -> Result<Arc<str>, Wrong> {
    let name = field_name(text)?;
    let lower = text.to_ascii_lowercase();
    if OF_THE_CONNECTION.contains(&lower.as_str()) {
        return Err(Wrong::new(format!("{} belongs to the connection, Weir writes it", quoted(text)), "leave it out"));
    }
    if lower == "expect" {
        let what = format!("{} is settled between the client, Weir and the node", quoted(text));
        return Err(Wrong::new(what, "leave it out; with buffer-request of the pool the node hears nothing of it"));
    }
    if direction == Direction::ToNode && (lower.starts_with("x-forwarded-") || lower == "x-real-ip") {
        let what = format!("{} tells the node about the client, Weir writes it", quoted(text));
        return Err(Wrong::new(what, "leave it out; trusted-proxies of the listener says whose is believed"));
    }
    Ok(name)
}

const OF_THE_CONNECTION: [&str; 8] =
    ["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// The names in one table, in lower case, to find one that is written twice.
#[derive(Default)]
struct FieldNames(HashSet<String>);

impl FieldNames {
    fn add(&mut self, name: &Text<'_>) {
        if !self.0.insert(name.text.to_ascii_lowercase()) {
            name.refuse(format!("{} is written twice", quoted(name.text)), "set or remove a field, and only once");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(set: &[(&str, &str)], remove: &[&str]) -> Edits {
        Edits {
            set: set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            add: Vec::new(),
            remove: remove.iter().map(|name| (*name).into()).collect(),
        }
    }

    #[test]
    fn a_route_wins_by_name() {
        let site = edits(&[("X-A", "site"), ("X-B", "site")], &["x-c", "x-d"]);
        for (route, expected) in [
            (edits(&[], &[]), site.clone()),
            (edits(&[("x-a", "route")], &[]), edits(&[("X-B", "site"), ("x-a", "route")], &["x-c", "x-d"])),
            (edits(&[("X-C", "route")], &[]), edits(&[("X-A", "site"), ("X-B", "site"), ("X-C", "route")], &["x-d"])),
            (edits(&[], &["x-a"]), edits(&[("X-B", "site")], &["x-c", "x-d", "x-a"])),
            (edits(&[], &["x-d", "x-e"]), edits(&[("X-A", "site"), ("X-B", "site")], &["x-c", "x-d", "x-e"])),
        ] {
            assert_eq!(merged(&site, route.clone()), expected, "{route:?}");
        }
    }

    #[test]
    fn values_cannot_end_their_line() {
        for (text, good) in [
            ("max-age=31536000; includeSubDomains", true),
            ("a", true),
            ("", false),
            (" a", false),
            ("a ", false),
            ("a\r\nX: y", false),
            ("a\n", false),
            ("a\tb", false),
            ("\0", false),
            ("ü", false),
        ] {
            assert_eq!(field_value(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn the_connection_is_not_edited() {
        for (name, up, down) in [
            ("X-Tenant", true, true),
            ("Host", true, true),
            ("Transfer-Encoding", false, false),
            ("te", false, false),
            ("CONNECTION", false, false),
            ("X-Forwarded-For", false, true),
            ("X-Real-IP", false, true),
            ("Expect", false, false),
            ("x-forwarded-anything", false, true),
            ("two words", false, false),
            ("a:b", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                (changeable(name, Direction::ToNode).is_ok(), changeable(name, Direction::ToClient).is_ok()),
                (up, down),
                "{name}"
            );
        }
    }
}
