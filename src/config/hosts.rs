//! Host names and patterns: in lower case, without port, and each written in only one way, so that routing can compare
//! bytes.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::text::errors::Wrong;
use super::text::words::quoted;

/// A host name that a site serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// `esb.wso2.com`, or an IP literal.
    Exact(Arc<str>),
    /// `*.wso2.com`, stored as `wso2.com`. It matches names with one or more labels in front of that.
    Wildcard(Arc<str>),
}

impl HostPattern {
    /// The address that it is, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        let Self::Exact(host) = self else { return None };
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

/// A host pattern of a site. IPv6 addresses keep the brackets that they have in a Host field.
pub(super) fn pattern(text: &str) -> Result<HostPattern, Wrong> {
    let lower = text.to_ascii_lowercase();
    if let Some(address) = literal(&lower) {
        return Ok(HostPattern::Exact(address.into()));
    }
    match lower.strip_prefix("*.") {
        Some(suffix) if is_name(suffix) && suffix.parse::<IpAddr>().is_err() => {
            Ok(HostPattern::Wildcard(suffix.into()))
        }
        None if is_name(&lower) => Ok(HostPattern::Exact(lower.into())),
        _ => Err(Wrong::new(format!("{} is not a host name", quoted(text)), advice(&lower))),
    }
}

/// A name without port, for SNI: a host name or an IP address.
pub(super) fn name(text: &str) -> Result<Arc<str>, Wrong> {
    let lower = text.to_ascii_lowercase();
    if is_name(&lower) || lower.parse::<IpAddr>().is_ok() {
        return Ok(lower.into());
    }
    Err(Wrong::new(
        format!("{} is not a host name", quoted(text)),
        "write the name in the nodes' certificate, as in \"localhost\"",
    ))
}

/// A host as it is in a URL, without a port.
pub(super) fn authority(text: &str) -> Result<Arc<str>, Wrong> {
    match pattern(text)? {
        HostPattern::Exact(host) => Ok(host),
        HostPattern::Wildcard(_) => {
            Err(Wrong::new(format!("{} is not one host", quoted(text)), "write one name, as in \"esb.wso2.com\""))
        }
    }
}

/// The Host field of a probe: a name or address, with or without port.
pub(super) fn field(text: &str) -> Result<Arc<str>, Wrong> {
    let (host, port) = split_port(text).unwrap_or((text, "80"));
    let lower = host.to_ascii_lowercase();
    if (is_name(&lower) || literal(&lower).is_some_and(|l| l == lower))
        && port.parse::<u16>().is_ok_and(|port| port > 0)
    {
        return Ok(text.into());
    }
    Err(Wrong::new(
        format!("{} cannot stand in a Host field", quoted(text)),
        "write \"esb.wso2.com\" or \"esb.wso2.com:8280\"",
    ))
}

fn literal(text: &str) -> Option<String> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match inner.parse::<Ipv6Addr>() {
        Ok(address) => Some(format!("[{address}]")),
        Err(_) => None,
    }
}

/// Whether the text is a host name. IPv4 addresses count as names here.
pub(super) fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let word = label.bytes().any(|b| b.is_ascii_alphanumeric());
        word && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(fits)
    };
    // A last label of only digits would be part of an address (RFC 3696 section 2), and not of a valid one here.
    let number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(label) && (!number || text.parse::<IpAddr>().is_ok())
}

fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    (!host.contains(':') || host.ends_with(']')).then_some((host, port))
}

fn advice(text: &str) -> String {
    let without_scheme = text.split_once("://").map_or(text, |(_, rest)| rest.split('/').next().unwrap_or(rest));
    let bare = without_scheme.trim_end_matches('.');
    if let Some((host, _)) =
        split_port(bare).filter(|(host, port)| port.parse::<u16>().is_ok() && pattern(host).is_ok())
    {
        return format!("hosts are written without a port: \"{host}\"");
    }
    let each: Vec<&str> = text.split([' ', ',', '\t']).filter(|part| !part.is_empty()).collect();
    if each.len() > 1 && each.iter().all(|part| pattern(part).is_ok()) {
        let each: Vec<String> = each.iter().take(5).map(|part| format!("{part:?}")).collect();
        return format!("each name has quotes of its own: {}", each.join(", "));
    }
    match text {
        "*" | "_" | "" => "for whatever no other site takes, write default = true".to_owned(),
        _ if bare != text && pattern(bare).is_ok() => format!("write \"{bare}\""),
        _ if !text.is_ascii() => "write it as DNS has it, in ASCII (xn--…)".to_owned(),
        _ if text.starts_with('~') => {
            "there are no regular expressions: list the names, or write \"*.wso2.com\"".to_owned()
        }
        _ if text.starts_with('.') => format!("write \"*{text}\""),
        _ if text.contains('*') => "a * stands for whole labels at the front alone, as in \"*.wso2.com\"".to_owned(),
        _ => "write a name as in \"esb.wso2.com\", \"*.wso2.com\", or an IP address".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_one_spelling() {
        let exact = |text: &str| Some(HostPattern::Exact(text.into()));
        for (text, expected) in [
            ("esb.wso2.com", exact("esb.wso2.com")),
            ("ESB.wso2.COM", exact("esb.wso2.com")),
            ("localhost", exact("localhost")),
            ("my_host", exact("my_host")),
            ("10.0.0.1", exact("10.0.0.1")),
            ("::1", exact("[::1]")),
            ("[0:0::1]", exact("[::1]")),
            ("*.wso2.com", Some(HostPattern::Wildcard("wso2.com".into()))),
            ("*.WSO2.com", Some(HostPattern::Wildcard("wso2.com".into()))),
            ("", None),
            ("*", None),
            ("_", None),
            ("*.", None),
            ("*.10.0.0.1", None),
            ("10.0.0.256", None),
            ("esb..com", None),
            ("-a.com", None),
            ("a b", None),
            ("a/b", None),
            ("bücher.de", None),
        ] {
            assert_eq!(pattern(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn wrong_hosts_say_what_would_be_right() {
        for (text, advice) in [
            ("esb.wso2.com:443", "without a port: \"esb.wso2.com\""),
            ("[::1]:443", "without a port: \"[::1]\""),
            ("https://esb.wso2.com/", "\"esb.wso2.com\""),
            ("https://esb.wso2.com:8243/x", "without a port: \"esb.wso2.com\""),
            ("esb.wso2.com.", "\"esb.wso2.com\""),
            (".wso2.com", "\"*.wso2.com\""),
            ("www.*", "at the front alone"),
            ("_", "default = true"),
            ("~^www", "regular expressions"),
            ("bücher.de", "xn--"),
            ("a.com b.com", "\"a.com\", \"b.com\""),
            ("a.com, *.b.com", "\"a.com\", \"*.b.com\""),
        ] {
            let said = pattern(text).unwrap_err().advice;
            assert!(said.contains(advice), "{text}: {said}");
        }
    }

    #[test]
    fn probes_may_name_a_port() {
        for good in ["esb.wso2.com", "esb.wso2.com:8280", "[::1]:80", "10.0.0.1"] {
            assert!(field(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a:b", "a:0", "a\r\nX: y", "::1"] {
            assert!(field(bad).is_err(), "{bad}");
        }
    }
}
