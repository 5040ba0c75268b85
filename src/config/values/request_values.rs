//! Values of header fields that take something from the request: `$client` and the like, alone or within a text.

use strum::VariantNames;

use crate::config::hosts;
use crate::config::model::{FieldValue, RequestValue, ValuePart};
use crate::config::text::errors::Wrong;

/// The parts of a value that may stand in a header. `$$` is a dollar sign, and so is one that no name follows.
pub(crate) fn read(text: &str) -> Result<FieldValue, Wrong> {
    let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
    let mut put = |plain: &mut String, value: Option<RequestValue>| {
        if !plain.is_empty() {
            parts.push(ValuePart::Text(std::mem::take(plain).into()));
        }
        parts.extend(value.map(ValuePart::Request));
    };
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        rest = match behind_dollar(after)? {
            (Some(value), after) => {
                put(&mut plain, Some(value));
                after
            }
            (None, after) => {
                plain.push('$');
                after
            }
        };
    }
    plain.push_str(rest);
    put(&mut plain, None);
    Ok(FieldValue(parts))
}

/// A value of Host, which stays a host when the request is known: a fixed one, or `$host` with or without a port.
pub(crate) fn read_host(text: &str) -> Result<FieldValue, Wrong> {
    let value = match text.contains('$') {
        true => read(text)?,
        false => return Ok((&*hosts::field(text)?).into()),
    };
    let known = value.0.iter().map(|part| match part {
        ValuePart::Text(text) => &**text,
        // Nothing can stand beside the brackets but a port.
        ValuePart::Request(RequestValue::Host) => "[::1]",
        ValuePart::Request(RequestValue::Port) => "1",
        ValuePart::Request(_) => "/",
    });
    match hosts::field(&known.collect::<String>()) {
        Ok(_) => Ok(value),
        Err(_) => Err(Wrong::new(
            "the value cannot stand in a Host field",
            "write a name as in \"esb.wso2.com\", \"$host\" or \"$host:$port\"",
        )),
    }
}

/// The value that the word behind a dollar sign stands for, and the text after it. None: the sign stands for itself.
fn behind_dollar(text: &str) -> Result<(Option<RequestValue>, &str), Wrong> {
    if let Some(rest) = text.strip_prefix('$') {
        return Ok((None, rest));
    }
    if let Some(inner) = text.strip_prefix('{') {
        let (name, rest) = inner.split_once('}').unwrap_or((inner, ""));
        return match name.parse() {
            Ok(value) if inner.len() > name.len() => Ok((Some(value), rest)),
            _ if begins_name(name) => Err(unknown(letters(name))),
            _ => Ok((None, text)),
        };
    }
    let known = RequestValue::VARIANTS.iter().filter_map(|name| {
        let rest = text.strip_prefix(name).filter(|rest| letters(rest).is_empty())?;
        Some((name.parse().ok(), rest))
    });
    // `$client-cert` begins with `$client`.
    let known = known.min_by_key(|(_, rest)| rest.len());
    match known {
        Some(found) => Ok(found),
        None if begins_name(text) => Err(unknown(letters(text))),
        None => Ok((None, text)),
    }
}

fn begins_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// What of the text goes on as a name of nginx would.
fn letters(text: &str) -> &str {
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    text.get(..length).unwrap_or_default()
}

/// Only names of nginx are shown. Another word behind a dollar sign may be part of a secret.
fn unknown(name: &str) -> Wrong {
    let of_certificate = |name: &&&str| name.parse().is_ok_and(RequestValue::is_of_certificate);
    let all = RequestValue::VARIANTS.iter().filter(|name| !of_certificate(name));
    let all: Vec<String> = all.map(|name| format!("${name}")).collect();
    let all = all.join(", ");
    match OF_NGINX.iter().find(|(known, _)| *known == name) {
        Some((name, advice)) => Wrong::new(format!("${name} is not known"), format!("{advice}; known are {all}")),
        None => Wrong::new(
            "the word behind a dollar sign is not known",
            format!("known are {all}; write $$ for a dollar sign"),
        ),
    }
}

/// Variables of nginx, and what does the same.
const OF_NGINX: [(&str, &str); 18] = [
    ("http_host", "write $host, which has no port"),
    ("proxy_add_x_forwarded_for", "leave it out: nodes are told by X-Forwarded-For anyway"),
    ("proxy_host", "leave it out: Host goes up as it came"),
    ("realip_remote_addr", WRITE_ITSELF),
    ("remote_addr", "write $client"),
    ("remote_user", WRITE_ITSELF),
    ("request_id", "write $request-id"),
    ("request_uri", WRITE_ITSELF),
    ("server_name", "write $host, or the name itself"),
    ("server_port", "write $port"),
    ("ssl_client_cert", "write $client-cert, at a site with client-auth"),
    ("ssl_client_escaped_cert", "write $client-cert, at a site with client-auth"),
    ("ssl_client_i_dn", "write $client-issuer, at a site with client-auth"),
    ("ssl_client_s_dn", "write $client-subject, at a site with client-auth"),
    ("ssl_client_serial", "write $client-serial, at a site with client-auth"),
    ("ssl_protocol", WRITE_ITSELF),
    ("upstream_addr", WRITE_ITSELF),
    ("uri", WRITE_ITSELF),
];

const WRITE_ITSELF: &str = "write the value itself";

#[cfg(test)]
mod tests {
    use super::*;

    /// The value in words.
    fn told(value: &FieldValue) -> String {
        let part = |part: &ValuePart| match part {
            ValuePart::Text(text) => text.to_string(),
            ValuePart::Request(value) => format!("<{}>", <&str>::from(value)),
        };
        value.0.iter().map(part).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_value_has_parts() {
        for (text, expected) in [
            ("gold", "gold"),
            ("$client", "<client>"),
            ("${client}", "<client>"),
            ("$scheme://$host:$port/", "<scheme>|://|<host>|:|<port>|/"),
            ("$client$host", "<client>|<host>"),
            ("a${host}b", "a|<host>|b"),
            ("$request-id", "<request-id>"),
            ("$request-id-x", "<request-id>|-x"),
            ("$host-$port", "<host>|-|<port>"),
            ("$host.", "<host>|."),
            // A dollar sign is one where no name follows.
            ("5$", "5$"),
            ("$5", "$5"),
            ("a $ b", "a $ b"),
            ("$", "$"),
            ("${}", "${}"),
            ("$$client", "$client"),
            ("$$$client", "$|<client>"),
            ("$$2y$$10$$abc", "$2y$10$abc"),
        ] {
            assert_eq!(read(text).map(|value| told(&value)).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_word_that_is_no_value_is_refused_and_shown_only_where_it_is_nginxs() {
        for (text, shown) in [
            ("$remote_addr", true),
            ("a-${http_host}", true),
            ("$request_id", true),
            ("$clients", false),
            ("$client_x", false),
            ("$Client", false),
            ("${client", false),
            ("${request-i}", false),
            ("$request", false),
            ("$hunter2", false),
            ("$_", false),
        ] {
            let wrong = read(text).expect_err(text);
            assert_eq!(wrong.what.contains('$'), shown, "{wrong:?}");
            for name in ["$client", "$host", "$scheme", "$port", "$request-id"] {
                assert!(wrong.advice.contains(name), "{wrong:?}");
            }
            assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
        }
    }

    #[test]
    fn a_host_stays_one_whatever_the_request_says() {
        for (text, good) in [
            ("esb.wso2.com", true),
            ("esb.wso2.com:8280", true),
            ("$host", true),
            ("$host:$port", true),
            ("${host}:8280", true),
            ("inner:$port", true),
            ("$host.inner", false),
            ("a$host", false),
            ("$host:0", false),
            ("$client", false),
            ("$scheme", false),
            ("$host:$request-id", false),
            ("$host$port", false),
            ("5$", false),
            ("a b", false),
        ] {
            assert_eq!(read_host(text).is_ok(), good, "{text}");
        }
    }
}
