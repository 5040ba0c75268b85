//! Texts with variables of nginx, as Weir writes them.

use super::class::Class;
use super::class::Class::{Changed, Same};

/// A value of a header field.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) class: Class,
    pub(super) note: &'static str,
}

/// Whether clients of a place show certificates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Certificates {
    No,
    Optional,
    Required,
}

/// What Weir sends for this value, or why it cannot.
pub(super) fn value(text: &str, certificates: Certificates) -> Result<Value, String> {
    let mut value = Value { text: String::new(), class: Same, note: "" };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        value.text.push_str(before);
        let (name, after) = name(after);
        if certificates == Certificates::Required && name == "ssl_client_verify" {
            // No other request reaches a node.
            value.text.push_str("SUCCESS");
            rest = after;
            continue;
        }
        let of_certificate = OF_CERTIFICATE.iter().filter(|_| certificates != Certificates::No);
        let Some((_, ours, note)) = KNOWN.iter().chain(of_certificate).find(|(known, ..)| *known == name) else {
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

/// The same of what a client has shown.
const OF_CERTIFICATE: [(&str, &str, &str); 5] = [
    ("ssl_client_cert", "client-cert", "escaped as in a URL, since lines of a field cannot go on in the next"),
    ("ssl_client_escaped_cert", "client-cert", ""),
    ("ssl_client_i_dn", "client-issuer", ""),
    ("ssl_client_s_dn", "client-subject", ""),
    ("ssl_client_serial", "client-serial", ""),
];

/// Whether the text is one of these and no more. Where nobody shows a certificate it is empty.
pub(super) fn is_of_certificate(text: &str) -> bool {
    named(text, "$ssl_client_").is_some()
}

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
            assert_eq!(value(text, Certificates::No).ok().map(|value| value.text).as_deref(), expected, "{text}");
        }
        let certified = value("$ssl_client_s_dn;$ssl_client_serial", Certificates::Optional).map(|value| value.text);
        assert_eq!(certified.as_deref(), Ok("$client-subject;$client-serial"));
        let verified = |certificates| value("$ssl_client_verify", certificates).ok().map(|value| value.text);
        assert_eq!(verified(Certificates::Required).as_deref(), Some("SUCCESS"));
        assert!(verified(Certificates::Optional).is_none() && value("$ssl_client_s_dn", Certificates::No).is_err());
        assert_eq!(value("$http_host $remote_addr", Certificates::No).map(|value| value.class), Ok(Changed));
    }
}
