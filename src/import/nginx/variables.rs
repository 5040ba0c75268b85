//! Texts with variables of nginx, as Weir writes them.

use super::class::Class;
use super::class::Class::{Changed, Same};

/// A value of a header field.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) class: Class,
    pub(super) note: &'static str,
}

/// What Weir sends for this value, or why it cannot.
pub(super) fn value(text: &str) -> Result<Value, String> {
    let mut value = Value { text: String::new(), class: Same, note: "" };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        value.text.push_str(before);
        let (name, after) = name(after);
        let Some((_, ours, note)) = KNOWN.iter().find(|(known, ..)| *known == name) else {
            return Err(format!("${name}: {LACKS}"));
        };
        let goes_on = after.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
        value.text.push_str(&if goes_on { format!("${{{ours}}}") } else { format!("${ours}") });
        if !note.is_empty() {
            (value.class, value.note) = (Changed, note);
        }
        rest = after;
    }
    value.text.push_str(rest);
    Ok(value)
}

/// What is said where another variable stands.
pub(super) const LACKS: &str =
    "values take $client, $host, $scheme, $port and $request-id from the request, nothing else";

/// Variables of nginx, what is the same in Weir, and what differs.
const KNOWN: [(&str, &str, &str); 6] = [
    ("host", "host", ""),
    ("http_host", "host", "$host has no port"),
    ("remote_addr", "client", ""),
    ("request_id", "request-id", ""),
    ("scheme", "scheme", ""),
    ("server_port", "port", "the port that the client sees"),
];

/// The name behind a dollar sign, and the text after it.
fn name(text: &str) -> (&str, &str) {
    if let Some(found) = text.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        return found;
    }
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    text.split_at(length)
}

/// The name behind `$http_` or another such beginning, where the text is that one variable and no more.
pub(super) fn named<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.strip_prefix(beginning).filter(|name| !name.is_empty() && name.bytes().all(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_nginx_are_values_of_weir() {
        for (text, expected) in [
            ("plain", Some("plain")),
            ("$remote_addr", Some("$client")),
            ("a ${remote_addr}_b $host.", Some("a ${client}_b $host.")),
            ("$scheme://$http_host:$server_port/", Some("$scheme://$host:$port/")),
            ("$request_id-x", Some("$request-id-x")),
            ("${request_id}x", Some("${request-id}x")),
            ("$remote_addr$host", Some("$client$host")),
            ("$uri", None),
            ("$proxy_add_x_forwarded_for", None),
            ("$hostname", None),
            ("5$", None),
        ] {
            assert_eq!(value(text).ok().map(|value| value.text).as_deref(), expected, "{text}");
        }
        assert_eq!(value("$http_host $remote_addr").map(|value| value.class), Ok(Changed));
    }
}
