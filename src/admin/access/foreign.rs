//! Keeps web pages out. A page in an operator's browser can reach the admin address under a name of its own (DNS
//! rebinding), but it cannot forge Host and Origin.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName, header};

use crate::admin::v1::problem::ApiProblem;
use crate::config::{Admin, HostPattern};

/// Refuses a request under a name that is not this machine's. An IP address as Host is accepted, because unlike a name
/// it cannot be rebound; a name of the admin address' certificate is, because a page's own name is not in it.
pub(super) fn refuse_host(headers: &HeaderMap, admin: &Admin) -> Result<(), ApiProblem> {
    let hosts = texts(headers, &header::HOST);
    let [host] = hosts.as_slice() else {
        return Err(ApiProblem::forbidden("there is not one Host", "send one field Host"));
    };
    let name = name_of(host).unwrap_or_default();
    let ours = name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || admin.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
        || admin.tls.as_ref().is_some_and(|tls| tls.certificate.pair.leaf.covers(&HostPattern::Exact(name.into())));
    if ours {
        return Ok(());
    }
    let shown: String = host.chars().take(80).collect();
    let advice = "if it is a name of this machine, write it into hosts of [admin]";
    Err(ApiProblem::forbidden(format!("the Host {shown:?} is not known here (a web page may be behind it)"), advice))
}

/// Refuses a request that a page of another origin sent. Where the address speaks TLS a page by http is another one: who is
/// on the way could have written it.
pub(super) fn refuse_origin(headers: &HeaderMap, secure: bool) -> Result<(), ApiProblem> {
    let hosts = texts(headers, &header::HOST);
    let host = hosts.first().map_or("", String::as_str);
    // A plain address may have a proxy before it that speaks TLS.
    let schemes: &[&str] = if secure { &["https://"] } else { &["http://", "https://"] };
    let same = |origin: &String| schemes.iter().any(|scheme| origin.strip_prefix(scheme) == Some(host));
    match texts(headers, &header::ORIGIN).iter().find(|origin| !same(origin)) {
        None => Ok(()),
        Some(foreign) => {
            let shown: String = foreign.chars().take(80).collect();
            let detail = format!("a page of {shown:?} may not ask for this");
            Err(ApiProblem::forbidden(detail, "use weir's commands, or no Origin"))
        }
    }
}

fn texts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}

/// The host without the port and without the brackets of an IPv6 address. `None` when what follows it is no port.
fn name_of(host: &str) -> Option<&str> {
    if host.parse::<Ipv6Addr>().is_ok() {
        return Some(host);
    }
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (name, rest) = bracketed.unwrap_or_else(|| host.split_at(host.find(':').unwrap_or(host.len())));
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AdminSocket, Place};

    #[test]
    fn what_a_page_of_another_name_sends_is_refused() {
        let admin = Admin {
            bind: "127.0.0.1:9180".parse().unwrap(),
            socket: AdminSocket::Off,
            hosts: vec!["weir1.internal".into()],
            tokens: Vec::new(),
            tls: None,
            certificates: Vec::new(),
            at: Place::default(),
        };
        for (fields, good) in [
            (&[("host", "127.0.0.1:9180")][..], true),
            (&[("host", "localhost")], true),
            (&[("host", "[::1]:9180")], true),
            (&[("host", "10.0.0.9:9180")], true),
            (&[("host", "Weir1.internal:9180")], true),
            (&[("host", "localhost:9180"), ("origin", "http://localhost:9180")], true),
            (&[("host", "evil.example:9180")], false),
            (&[("host", "127.0.0.1.evil.example")], false),
            (&[("host", "localhost.evil.example")], false),
            (&[("host", "localhost:evil")], false),
            (&[("host", "[::1].evil")], false),
            (&[("host", "127.0.0.1:80@evil")], false),
            (&[("host", "")], false),
            (&[], false),
            (&[("host", "localhost"), ("host", "localhost")], false),
            (&[("host", "evil.example:9180"), ("origin", "http://evil.example:9180")], false),
            (&[("host", "127.0.0.1:9180"), ("origin", "http://evil.example")], false),
            (&[("host", "127.0.0.1:9180"), ("origin", "http://127.0.0.1:8080")], false),
            (&[("host", "127.0.0.1:9180"), ("origin", "null")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, value.parse().unwrap());
            }
            let judged = refuse_host(&headers, &admin).and_then(|()| refuse_origin(&headers, false));
            assert_eq!(judged.is_ok(), good, "{fields:?}");
        }
    }

    #[test]
    fn where_the_address_speaks_tls_a_page_by_http_is_another_one() {
        for (origin, secure, good) in [
            ("https://lb1.internal:9180", true, true),
            ("http://lb1.internal:9180", true, false),
            ("https://lb1.internal:9180", false, true),
            ("http://lb1.internal:9180", false, true),
        ] {
            let fields = [(header::HOST, "lb1.internal:9180"), (header::ORIGIN, origin)];
            let headers: HeaderMap = fields.map(|(name, value)| (name, value.parse().unwrap())).into_iter().collect();
            assert_eq!(refuse_origin(&headers, secure).is_ok(), good, "{origin} {secure}");
        }
    }
}
