//! Makes the Location of a configured redirect. It is a whole URL if the host is known, and never contains a line
//! break.

use crate::config::{Redirect, RedirectTarget};

/// The parts of the requested URL.
#[derive(Clone, Copy, Debug)]
pub struct Url<'a> {
    /// Whether the client came by TLS.
    pub secure: bool,
    /// The host without port, IPv6 addresses in brackets. If the client sent none, the site's host.
    pub host: &'a [u8],
    /// The port as the client sees it.
    pub port: u16,
    /// The public port of the other scheme for the same host, if it is configured.
    pub other_port: Option<u16>,
    /// Path and query as they were sent.
    pub target: &'a [u8],
}

/// Appends the value of Location.
pub fn location(out: &mut Vec<u8>, redirect: &Redirect, asked: &Url<'_>) {
    match &redirect.target {
        RedirectTarget::Fixed(to) => push(out, to.as_bytes()),
        RedirectTarget::Changed { scheme, host, port, path, keep_query } => {
            let secure = scheme.as_ref().map_or(asked.secure, |scheme| scheme.eq_ignore_ascii_case("https"));
            let other = asked.other_port.filter(|_| host.is_none()).unwrap_or(default_port(secure));
            let port = port.unwrap_or(if secure == asked.secure { asked.port } else { other });
            let host = host.as_ref().map_or(asked.host, |host| host.as_bytes());
            let target = path.as_ref().map_or_else(|| origin_form(asked.target), |path| path.as_bytes());
            push_origin(out, secure, host, port);
            push_target(out, target, host.is_empty());
            if let (true, Some(path)) = (*keep_query, path) {
                push_query(out, path, asked.target);
            }
        }
    }
}

/// Whether the redirect leads to the requested URL itself. This happens for a redirect to https if a trusted proxy has
/// terminated TLS. The redirect is then skipped.
pub fn leads_back(redirect: &Redirect, asked: &Url<'_>) -> bool {
    let (mut own, mut there) = (Vec::with_capacity(256), Vec::with_capacity(256));
    push_origin(&mut own, asked.secure, asked.host, asked.port);
    push_target(&mut own, origin_form(asked.target), asked.host.is_empty());
    location(&mut there, redirect, asked);
    own == there
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Path and query of a target, which may be a whole URL or `*`.
fn origin_form(target: &[u8]) -> &[u8] {
    if target.first() == Some(&b'/') {
        return target;
    }
    let Some(at) = memchr::memmem::find(target, b"://") else { return b"/" };
    let rest = target.get(at + b"://".len()..).unwrap_or_default();
    let begin = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    rest.get(begin..).unwrap_or_default()
}

fn push_origin(out: &mut Vec<u8>, secure: bool, host: &[u8], port: u16) {
    if host.is_empty() {
        return;
    }
    out.extend_from_slice(if secure { b"https://" } else { b"http://" });
    let bare_ipv6 = host.first() != Some(&b'[') && host.contains(&b':');
    if bare_ipv6 {
        out.push(b'[');
    }
    push(out, host);
    if bare_ipv6 {
        out.push(b']');
    }
    if port != default_port(secure) {
        out.push(b':');
        super::decimal::push_decimal(out, u64::from(port));
    }
}

fn push_target(out: &mut Vec<u8>, target: &[u8], alone: bool) {
    let mut rest = target;
    // Without a host, a target that begins with `//name` would lead to another server.
    while let (true, Some(after)) = (alone, rest.strip_prefix(b"/")) {
        rest = after;
    }
    if alone || rest.first() != Some(&b'/') {
        out.push(b'/');
    }
    push(out, rest);
}

/// Puts the query of what was asked for behind the path, or behind the query that it has.
fn push_query(out: &mut Vec<u8>, path: &str, asked: &[u8]) {
    let Some(at) = memchr::memchr(b'?', asked) else { return };
    let query = asked.get(at + 1..).unwrap_or_default();
    if !query.is_empty() {
        out.push(if path.contains('?') { b'&' } else { b'?' });
        push(out, query);
    }
}

/// Leaves out control characters, so that the value stays one line.
fn push(out: &mut Vec<u8>, part: &[u8]) {
    out.extend(part.iter().filter(|byte| !byte.is_ascii_control()));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Url<'_> =
        Url { secure: false, host: b"esb.wso2.com", port: 80, other_port: None, target: b"/a/../b;c?d=%0a" };
    const SECURE: Url<'_> = Url { secure: true, port: 443, ..PLAIN };

    fn told(target: RedirectTarget, asked: &Url<'_>) -> String {
        let mut out = Vec::new();
        location(&mut out, &Redirect { status: 308, target }, asked);
        String::from_utf8(out).expect("text")
    }

    fn changed(scheme: &str, host: &str, port: u16, path: &str) -> RedirectTarget {
        let part = |text: &str| (!text.is_empty()).then(|| text.into());
        RedirectTarget::Changed {
            scheme: part(scheme),
            host: part(host),
            port: (port > 0).then_some(port),
            path: part(path),
            keep_query: false,
        }
    }

    #[test]
    fn a_query_stays_behind_another_path() {
        for (path, asked, expected) in [
            ("/esb/", "/esb?x=1&y", "http://a/esb/?x=1&y"),
            ("/esb/", "/esb", "http://a/esb/"),
            ("/esb/", "/esb?", "http://a/esb/"),
            ("/esb/?a", "/esb?x", "http://a/esb/?a&x"),
            ("/esb/", "http://b?x", "http://a/esb/?x"),
            ("/esb/", "/esb?x\r\ny?z", "http://a/esb/?xy?z"),
        ] {
            let target = RedirectTarget::Changed {
                scheme: None,
                host: None,
                port: None,
                path: Some(path.into()),
                keep_query: true,
            };
            assert_eq!(told(target, &Url { host: b"a", target: asked.as_bytes(), ..PLAIN }), expected, "{asked}");
        }
    }

    #[test]
    fn what_is_not_changed_stays_and_default_ports_are_left_out() {
        let on = |asked: &Url<'static>, port| Url { port, ..*asked };
        for (target, asked, expected) in [
            (changed("https", "", 0, ""), PLAIN, "https://esb.wso2.com/a/../b;c?d=%0a"),
            (changed("https", "", 0, ""), on(&PLAIN, 8080), "https://esb.wso2.com/a/../b;c?d=%0a"),
            (changed("https", "", 8443, ""), PLAIN, "https://esb.wso2.com:8443/a/../b;c?d=%0a"),
            (changed("https", "", 443, ""), on(&PLAIN, 8080), "https://esb.wso2.com/a/../b;c?d=%0a"),
            (changed("https", "", 80, ""), PLAIN, "https://esb.wso2.com:80/a/../b;c?d=%0a"),
            (changed("http", "", 0, ""), on(&SECURE, 8443), "http://esb.wso2.com/a/../b;c?d=%0a"),
            (changed("https", "", 0, "/"), on(&SECURE, 8443), "https://esb.wso2.com:8443/"),
            (changed("", "mgt.esb.wso2.com", 0, ""), SECURE, "https://mgt.esb.wso2.com/a/../b;c?d=%0a"),
            (changed("", "mgt.esb.wso2.com", 0, ""), on(&SECURE, 8443), "https://mgt.esb.wso2.com:8443/a/../b;c?d=%0a"),
            (changed("", "", 8443, ""), SECURE, "https://esb.wso2.com:8443/a/../b;c?d=%0a"),
            (changed("", "", 0, "/carbon/"), PLAIN, "http://esb.wso2.com/carbon/"),
            (changed("", "", 0, "carbon"), PLAIN, "http://esb.wso2.com/carbon"),
            (changed("https", "a", 1, "/x?y"), PLAIN, "https://a:1/x?y"),
        ] {
            assert_eq!(told(target, &asked), expected);
        }
    }

    #[test]
    fn the_other_scheme_is_where_the_operator_says_that_clients_find_it() {
        let asked = Url { other_port: Some(9443), ..PLAIN };
        for (target, expected) in [
            (changed("https", "", 0, ""), "https://esb.wso2.com:9443/a/../b;c?d=%0a"),
            (changed("https", "", 8443, ""), "https://esb.wso2.com:8443/a/../b;c?d=%0a"),
            (changed("https", "www.wso2.com", 0, ""), "https://www.wso2.com/a/../b;c?d=%0a"),
            (changed("http", "", 0, ""), "http://esb.wso2.com/a/../b;c?d=%0a"),
        ] {
            assert_eq!(told(target, &asked), expected);
        }
    }

    #[test]
    fn a_redirect_to_the_url_that_was_asked_for_leads_back() {
        let other = Url { secure: true, port: 8443, ..PLAIN };
        for (target, asked, back) in [
            (changed("https", "", 0, ""), SECURE, true),
            (changed("https", "", 0, ""), PLAIN, false),
            (changed("https", "", 8443, ""), other, true),
            (changed("https", "", 443, ""), other, false),
            (changed("", "mgt.esb.wso2.com", 0, ""), SECURE, false),
            (changed("", "", 0, "/carbon/"), SECURE, false),
            (changed("", "", 0, "/carbon/"), Url { target: b"/carbon/", ..SECURE }, true),
            (changed("", "", 0, "/carbon/"), Url { target: b"http://b/carbon/", ..SECURE }, true),
        ] {
            let redirect = Redirect { status: 308, target };
            assert_eq!(leads_back(&redirect, &asked), back, "{redirect:?}");
        }
    }

    #[test]
    fn every_host_and_every_form_of_target_makes_one_url() {
        for (host, target, expected) in [
            ("10.0.0.1", "/", "https://10.0.0.1/"),
            ("[fd00::1]", "/x", "https://[fd00::1]/x"),
            ("fd00::1", "/x", "https://[fd00::1]/x"),
            ("a", "http://b:80/x?y", "https://a/x?y"),
            ("a", "http://b", "https://a/"),
            ("a", "http://b?y", "https://a/?y"),
            ("a", "HTTP://b/http://c/d", "https://a/http://c/d"),
            ("a", "*", "https://a/"),
            ("a", "", "https://a/"),
            ("a", "//evil.org/x", "https://a//evil.org/x"),
            ("a", "/x\r\nSet-Cookie: y\0\t", "https://a/xSet-Cookie: y"),
            ("a\r\nb", "/", "https://ab/"),
            ("", "/x", "/x"),
            ("", "//evil.org/x", "/evil.org/x"),
            ("", "///evil.org", "/evil.org"),
            ("", "", "/"),
        ] {
            let asked = Url { host: host.as_bytes(), target: target.as_bytes(), ..PLAIN };
            assert_eq!(told(changed("https", "", 0, ""), &asked), expected, "{host} {target}");
        }
    }

    #[test]
    fn a_fixed_target_is_what_is_written() {
        for to in ["https://www.wso2.com/a?b#c", "/elsewhere"] {
            assert_eq!(told(RedirectTarget::Fixed(to.into()), &PLAIN), to);
        }
        assert_eq!(told(RedirectTarget::Fixed("/a\r\nb".into()), &PLAIN), "/ab");
    }
}
