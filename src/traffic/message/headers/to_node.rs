//! The head of a request, as the node gets it.

use super::{USUAL_ADDED, write, write_field};
use crate::traffic::message::decimal::Decimal;
use crate::traffic::message::forwarded::{Forwarded, Trust};
use crate::traffic::message::request_values::RequestValues;
use crate::traffic::routing::edits::FieldEdits;
use crate::traffic::routing::path_change::PathChange;
use crate::wire::{Field, FieldKind, RequestHead, Run, Version};

/// How a request's body goes to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingToNode {
    /// In chunks.
    Chunked,
    /// With its length.
    Length(u64),
    /// No body and no Content-Length: WSO2 closes the connection after a GET with a length.
    None,
}

/// How a request goes to the node.
#[derive(Clone, Copy, Debug)]
pub struct ToNode<'a> {
    /// How its body goes.
    pub framing: FramingToNode,
    /// Whether the node is asked to close the connection afterwards.
    pub close: bool,
    /// Whether Weir names itself in Via.
    pub via: bool,
    /// Whether Upgrade is passed on.
    pub upgrade: bool,
    /// Whether Expect is passed on.
    pub expect: bool,
    /// The host for HTTP/1.0 clients that send none.
    pub default_host: &'a [u8],
    /// The same with its port, as in a Host field.
    pub default_authority: &'a [u8],
    /// What becomes of the path.
    pub path_change: Option<&'a PathChange>,
    /// What site and route change.
    pub edits: Option<&'a FieldEdits>,
    /// X-Request-Id; without one the client's passes.
    pub request_id: Option<&'a [u8]>,
    /// The trace, with what the node's spans belong to; without one the client's passes.
    pub traceparent: Option<&'a [u8]>,
    /// Whether that trace begins here: the state that came belongs to another one.
    pub begins_trace: bool,
}

//= rfc9112#6.2 one-of-both
//= rfc9112#3.2 host-up
/// Writes the head that a node reads.
pub fn write_request(out: &mut Vec<u8>, head: &RequestHead, from: &Forwarded<'_>, to_node: &ToNode<'_>) {
    let host = head.host();
    let host_value = host.map_or(to_node.default_authority, |host| host.raw);
    out.reserve(head.size() + USUAL_ADDED);
    let mut run = first_line(out, head, to_node);
    let edits = to_node.edits.filter(|edits| !edits.is_empty());
    let replaced = |name: &[u8]| edits.is_some_and(|edits| edits.drops(name));
    // If the client sent a Host field, that field stays where it is.
    if head.value(FieldKind::Host).is_none() {
        run.end(out);
        if !replaced(b"host") {
            write_field(out, b"Host", host_value);
        }
    }
    let mut length_written = false;
    let dropped = |field: &Field<'_>| replaced(field.name) || (field.kind == FieldKind::Expect && !to_node.expect);
    for field in head.fields().filter(|field| goes_to_node(field, from.trust, to_node) && !dropped(field)) {
        match (field.kind, to_node.framing) {
            (FieldKind::Host, _) if field.value != host_value => run.write(out, field.name, host_value),
            (FieldKind::ContentLength, FramingToNode::Length(length)) if !length_written => {
                length_written = true;
                match Decimal::of(length) {
                    length if length.digits() == field.value => run.pass(out, &field),
                    length => run.write(out, field.name, length.digits()),
                }
            }
            (FieldKind::ContentLength, _) => {}
            _ => run.pass(out, &field),
        }
    }
    run.end(out);
    write_forwarded(out, head, to_node.default_host, from);
    if let Some(change) = to_node.path_change.filter(|change| !change.prefix().is_empty()) {
        write_field(out, b"X-Forwarded-Prefix", change.prefix());
    }
    write_ids(out, to_node, replaced);
    if to_node.via && !replaced(b"via") {
        let version: &[u8] = match head.version() {
            _ if head.is_spelled() => b"2.0 weir",
            Version::Http10 => b"1.0 weir",
            Version::Http11 => b"1.1 weir",
        };
        write_field(out, b"Via", version);
    }
    match to_node.framing {
        FramingToNode::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        FramingToNode::Length(length) if !length_written => {
            write_field(out, b"Content-Length", Decimal::of(length).digits());
        }
        FramingToNode::Length(_) | FramingToNode::None => {}
    }
    if let Some(edits) = edits {
        let (default_host, request_id) = (to_node.default_host, to_node.request_id);
        let values = || RequestValues { head, from: *from, default_host, request_id };
        edits.write(out, |value, out| values().write(value, out));
    }
    write_connection_to_node(out, head, to_node);
    out.extend_from_slice(b"\r\n");
}

//= rfc9112#2.3 own-version
//= rfc9110#7.7 target-unchanged
/// Writes the request line, or returns the lines that begin with the client's own.
fn first_line<'h>(out: &mut Vec<u8>, head: &'h RequestHead, to_node: &ToNode<'_>) -> Run<'h> {
    let [path, rest] = match to_node.path_change {
        Some(change) => change.up(head.target_up()),
        None => [head.target_up(), b""],
    };
    let run = if to_node.path_change.is_some() { head.run_of_fields() } else { head.run() };
    if run.is_empty() {
        write(out, &[head.method_name(), b" ", path, rest, b" HTTP/1.1\r\n"]);
    }
    run
}

fn write_ids(out: &mut Vec<u8>, to_node: &ToNode<'_>, replaced: impl Fn(&[u8]) -> bool) {
    let ids = [(&b"X-Request-Id"[..], to_node.request_id), (b"traceparent", to_node.traceparent)];
    for (name, id) in ids {
        if let Some(id) = id
            && !replaced(name)
        {
            write_field(out, name, id);
        }
    }
}

//= rfc9110#13.2.1 preconditions
//= rfc9110#5.1 unknown-fields
fn goes_to_node(field: &Field<'_>, trust: Trust, to_node: &ToNode<'_>) -> bool {
    match field.kind {
        FieldKind::XForwardedOther | FieldKind::Forwarded => !field.hop && trust == Trust::Trusted,
        FieldKind::XRequestId => !field.hop && to_node.request_id.is_none(),
        FieldKind::Traceparent => !field.hop && to_node.traceparent.is_none(),
        FieldKind::Tracestate => !field.hop && !to_node.begins_trace,
        kind => !field.hop && !kind.is_set_by_weir(),
    }
}

/// Writes the origin of the request. The names never change, so the text between two values is written in one piece.
fn write_forwarded(out: &mut Vec<u8>, head: &RequestHead, default_host: &[u8], from: &Forwarded<'_>) {
    let asked = from.host(head);
    let host = asked.map_or(default_host, |host| host.name);
    out.extend_from_slice(b"X-Forwarded-Host: ");
    out.extend_from_slice(host);
    out.extend_from_slice(b"\r\nX-Forwarded-Server: ");
    out.extend_from_slice(host);
    out.extend_from_slice(b"\r\nX-Forwarded-For: ");
    if from.trust != Trust::Strip {
        for field in head.of_kind(FieldKind::XForwardedFor).filter(|field| !field.value.is_empty()) {
            write(out, &[field.value, b", "]);
        }
    }
    out.extend_from_slice(from.client);
    let (secure, port) = from.origin(head, asked);
    let scheme: &[u8] = if secure { b"https" } else { b"http" };
    out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
    out.extend_from_slice(scheme);
    out.extend_from_slice(b"\r\nX-Forwarded-Port: ");
    out.extend_from_slice(Decimal::of(u64::from(port)).digits());
    out.extend_from_slice(b"\r\nX-Real-IP: ");
    from.write_client(out);
    out.extend_from_slice(b"\r\n");
}

//= rfc9112#7.4 te
//= rfc9110#7.6.1 own-options
/// The Connection options of our own connection to the node. TE is one of them (RFC 9110 10.1.4).
fn write_connection_to_node(out: &mut Vec<u8>, head: &RequestHead, to_node: &ToNode<'_>) {
    let token = head.upgrade().filter(|_| to_node.upgrade);
    if !head.te_trailers() && token.is_none() && !to_node.close {
        return;
    }
    if head.te_trailers() {
        write_field(out, b"TE", b"trailers");
    }
    if let Some(token) = token {
        write_field(out, b"Upgrade", token);
    }
    let options = [
        (head.te_trailers(), b"TE".as_slice()),
        (token.is_some(), b"upgrade"),
        (to_node.close && token.is_none(), b"close"),
    ];
    let mut before: &[u8] = b"Connection: ";
    for (_, option) in options.iter().filter(|(is_set, _)| *is_set) {
        write(out, &[before, option]);
        before = b", ";
    }
    if before == b", " {
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Edits;
    use crate::wire::HeadLimits;

    const FROM: Forwarded<'_> = Forwarded { secure: true, port: 443, ..Forwarded::STRANGER };
    const UP: ToNode<'_> = ToNode {
        framing: FramingToNode::None,
        close: false,
        via: false,
        upgrade: false,
        expect: true,
        default_host: b"esb.wso2.com",
        default_authority: b"esb.wso2.com:8443",
        path_change: None,
        edits: None,
        request_id: None,
        traceparent: None,
        begins_trace: false,
    };
    const OURS: &str = "X-Forwarded-Host: esb.wso2.com\r\nX-Forwarded-Server: esb.wso2.com\r\n";
    const ORIGIN: &str = "X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n";

    /// The head for the node for a GET with these fields, from the line after Host on.
    fn to_node(fields: &str, from: &Forwarded<'_>, to_node: &ToNode<'_>) -> String {
        let text = format!("GET / HTTP/1.1\r\nHost: esb.wso2.com\r\n{fields}\r\n");
        let written = written(&text, from, to_node);
        written.strip_prefix("GET / HTTP/1.1\r\nHost: esb.wso2.com\r\n").expect("the same beginning").to_owned()
    }

    fn written(text: &str, from: &Forwarded<'_>, to_node: &ToNode<'_>) -> String {
        let mut head = RequestHead::new();
        head.parse(text.as_bytes(), &HeadLimits { secure: true, ..HeadLimits::default() }).expect("a good head");
        let mut out = Vec::new();
        write_request(&mut out, &head, from, to_node);
        String::from_utf8(out).expect("text")
    }

    fn ordinary(client: &str) -> String {
        format!("{OURS}X-Forwarded-For: {client}\r\n{ORIGIN}X-Real-IP: 192.0.2.7\r\n\r\n")
    }

    #[test]
    fn target_host_and_fields_go_up_as_they_came() {
        let text = "POST /a/../b%2f;c?d=%zz HTTP/1.1\r\nSOAPAction: \"urn:a\"\r\nhOST: ESB.wso2.com:8443\r\n\
                    content-LENGTH: 5\r\nCookie: a=1\r\ncookie: b=2\r\nVia: 1.0 x\r\nX-Empty:\r\n\r\n";
        let expected = "POST /a/../b%2f;c?d=%zz HTTP/1.1\r\nSOAPAction: \"urn:a\"\r\nhOST: ESB.wso2.com:8443\r\n\
                        content-LENGTH: 5\r\nCookie: a=1\r\ncookie: b=2\r\nVia: 1.0 x\r\nX-Empty: \r\n";
        let to_node = ToNode { framing: FramingToNode::Length(5), ..UP };
        let ours = ordinary("192.0.2.7").replace("Port: 443", "Port: 8443");
        assert_eq!(written(text, &FROM, &to_node), format!("{expected}{ours}"));
    }

    #[test]
    fn an_absolute_target_goes_up_as_its_path_and_an_old_client_gets_a_host() {
        let absolute = written("GET https://A?q HTTP/1.1\r\nHost: a\r\n\r\n", &FROM, &UP);
        assert!(absolute.starts_with("GET /?q HTTP/1.1\r\nHost: A\r\nX-Forwarded-Host: a\r\n"), "{absolute}");
        let old = written("GET / HTTP/1.0\r\n\r\n", &FROM, &UP);
        assert_eq!(old, format!("GET / HTTP/1.1\r\nHost: esb.wso2.com:8443\r\n{}", ordinary("192.0.2.7")));
    }

    #[test]
    fn what_concerns_one_connection_ends_here() {
        let fields = "Connection: keep-alive, X-Drop\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n\
                      Proxy-Authorization: x\r\nTE: gzip\r\nTrailer: x\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\nX: 1\r\n";
        assert_eq!(to_node(fields, &FROM, &UP), format!("X: 1\r\n{}", ordinary("192.0.2.7")));
    }

    #[test]
    fn what_a_client_names_as_of_one_connection_ends_here_whatever_it_is() {
        let came =
            "X-Forwarded-Ssl: on\r\nForwarded: for=1.1.1.1\r\nX-Request-Id: a\r\ntraceparent: b\r\ntracestate: c\r\n";
        let trusted = Forwarded { trust: Trust::Trusted, ..FROM };
        assert_eq!(to_node(came, &trusted, &UP), format!("{came}{}", ordinary("192.0.2.7")));
        // Nobody may name the fields of proxies: such a head is refused.
        let kept = "X-Forwarded-Ssl: on\r\nForwarded: for=1.1.1.1\r\n";
        let named = "Connection: x-request-id, traceparent, tracestate\r\n";
        assert_eq!(to_node(&format!("{named}{came}"), &trusted, &UP), format!("{kept}{}", ordinary("192.0.2.7")));
    }

    #[test]
    fn ids_of_weir_stand_in_place_of_those_of_the_client() {
        let came = "X-Request-Id: a\r\ntraceparent: b\r\ntracestate: c\r\n";
        let ids = |request_id: Option<&'static [u8]>, traceparent: Option<&'static [u8]>, begins_trace| {
            to_node(came, &FROM, &ToNode { request_id, traceparent, begins_trace, ..UP })
        };
        let ours = ordinary("192.0.2.7").strip_suffix("\r\n").expect("the last line").to_owned();
        assert_eq!(ids(None, None, false), format!("{came}{ours}\r\n"));
        let (theirs, own) = ("traceparent: b\r\ntracestate: c\r\n", "X-Request-Id: r\r\n");
        assert_eq!(ids(Some(b"r"), None, false), format!("{theirs}{ours}{own}\r\n"));
        let (theirs, own) = ("X-Request-Id: a\r\ntracestate: c\r\n", "traceparent: t\r\n");
        assert_eq!(ids(None, Some(b"t"), false), format!("{theirs}{ours}{own}\r\n"), "its state goes on");
        assert_eq!(ids(None, Some(b"t"), true), format!("X-Request-Id: a\r\n{ours}{own}\r\n"), "it began here");
        // What a site sets or removes is not written a second time.
        let remove = FieldEdits::new(&Edits { remove: vec!["x-request-id".into()], ..Edits::default() });
        for (edits, line) in [(edits(&[("X-Request-Id", "s")]), "X-Request-Id: s\r\n"), (remove, "")] {
            let up = ToNode { request_id: Some(b"r"), edits: Some(&edits), ..UP };
            assert_eq!(to_node("X-Request-Id: a\r\n", &FROM, &up), format!("{ours}{line}\r\n"));
        }
    }

    #[test]
    fn a_length_is_that_of_the_body() {
        for (came, length, expected) in [
            ("Content-Length: 5\r\n", 5, "Content-Length: 5\r\n"),
            ("content-length: 5\r\nX: 1\r\n", 7, "content-length: 7\r\nX: 1\r\n"),
        ] {
            let up = ToNode { framing: FramingToNode::Length(length), ..UP };
            assert_eq!(to_node(came, &FROM, &up), format!("{expected}{}", ordinary("192.0.2.7")), "{came}");
        }
    }

    #[test]
    fn x_forwarded_for_is_as_trusted_as_its_sender() {
        let came = "X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nx-forwarded-for: 3.3.3.3\r\nX-Forwarded-For:\r\n\
                    X_Forwarded_For: 9.9.9.9\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Server: evil\r\n";
        let joined = ordinary("1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7");
        let believed = joined.replace("esb.wso2.com", "evil");
        for (trust, expected) in
            [(Trust::Append, joined.clone()), (Trust::Trusted, believed), (Trust::Strip, ordinary("192.0.2.7"))]
        {
            assert_eq!(to_node(came, &Forwarded { trust, ..FROM }, &UP), expected, "{trust:?}");
        }
    }

    #[test]
    fn fields_that_speak_for_a_proxy_are_dropped_from_strangers_only() {
        let came = "X-Forwarded-Prefix: /a\r\nX_Forwarded_Ssl: on\r\nX-Forwarded: 1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\n\
                    Forwarded: for=1.1.1.1\r\n";
        let kept = came.replace("X-Real-IP: 1.1.1.1\r\n", "");
        let real = Some("198.51.100.1".parse().expect("an address"));
        let expected = format!("{kept}{}", ordinary("192.0.2.7").replace("IP: 192.0.2.7", "IP: 198.51.100.1"));
        assert_eq!(to_node(came, &Forwarded { trust: Trust::Trusted, real, ..FROM }, &UP), expected);
        assert_eq!(to_node(came, &Forwarded { trust: Trust::Strip, ..FROM }, &UP), ordinary("192.0.2.7"));
        assert_eq!(to_node(came, &FROM, &UP), ordinary("192.0.2.7"));
    }

    #[test]
    fn only_a_trusted_proxy_says_by_what_scheme_and_port_the_client_came() {
        let cases = [
            ("X-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n", Trust::Append, "https", "443"),
            ("X-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n", Trust::Strip, "https", "443"),
            ("X-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n", Trust::Trusted, "http", "8080"),
            ("X-Forwarded-Proto: HTTP\r\n", Trust::Trusted, "http", "80"),
            ("X-Forwarded-Proto: ws\r\n", Trust::Trusted, "http", "80"),
            ("X-Forwarded-Proto: http\r\nX-Forwarded-Proto: wss\r\n", Trust::Trusted, "https", "443"),
            ("X-Forwarded-Port: 8443\r\n", Trust::Trusted, "https", "8443"),
            ("X-Forwarded-Proto: gopher\r\nX-Forwarded-Port: 99999\r\n", Trust::Trusted, "https", "443"),
            ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", Trust::Trusted, "http", "80"),
            ("X_Forwarded_Proto: http\r\n", Trust::Trusted, "https", "443"),
            // The first of a list is the proxy nearest to the client.
            ("X-Forwarded-Proto: http , https\r\nX-Forwarded-Port: 8080, 443\r\n", Trust::Trusted, "http", "8080"),
            ("X-Forwarded-Proto: http, https\r\n", Trust::Append, "https", "443"),
            ("X-Forwarded-Host: www.wso2.com:8443\r\n", Trust::Trusted, "https", "8443"),
            ("X-Forwarded-Host: www.wso2.com:8443\r\n", Trust::Append, "https", "443"),
            ("X-Forwarded-Port: 0\r\n", Trust::Trusted, "https", "443"),
            ("", Trust::Trusted, "https", "443"),
        ];
        let cases = cases.map(|case| (FROM, case));
        let plain = Forwarded::STRANGER;
        let by_proxy = ["https", "WSS"].map(|scheme| format!("X-Forwarded-Proto: {scheme}\r\n"));
        let by_proxy = by_proxy.iter().map(|came| (plain, (came.as_str(), Trust::Trusted, "https", "443")));
        for (from, (came, trust, scheme, port)) in cases.into_iter().chain(by_proxy) {
            let expected =
                format!("X-Forwarded-Proto: {scheme}\r\nX-Forwarded-Port: {port}\r\nX-Real-IP: 192.0.2.7\r\n\r\n");
            let found = to_node(came, &Forwarded { trust, ..from }, &UP);
            assert!(found.ends_with(&expected), "{came:?} {trust:?}: {found}");
            assert_eq!(found.matches("Proto").count(), 1, "{found}");
        }
    }

    #[test]
    fn a_trusted_proxy_says_which_host_was_asked() {
        for (came, trust, expected) in [
            ("X-Forwarded-Host: www.wso2.com\r\n", Trust::Trusted, "www.wso2.com"),
            ("X-Forwarded-Host: www.wso2.com:8443, inner\r\n", Trust::Trusted, "www.wso2.com"),
            ("X-Forwarded-Host: www.wso2.com\r\n", Trust::Append, "esb.wso2.com"),
            ("X-Forwarded-Host: www.wso2.com\r\n", Trust::Strip, "esb.wso2.com"),
            ("X-Forwarded-Host: a b\r\n", Trust::Trusted, "esb.wso2.com"),
            ("X-Forwarded-Host: \r\n", Trust::Trusted, "esb.wso2.com"),
        ] {
            let found = to_node(came, &Forwarded { trust, ..FROM }, &UP);
            let expected = format!("X-Forwarded-Host: {expected}\r\nX-Forwarded-Server: {expected}\r\n");
            assert!(found.contains(&expected), "{came:?} {trust:?}: {found}");
        }
    }

    #[test]
    fn the_port_is_the_one_that_the_client_sees() {
        let told = |host: &str, version: &str, from: &Forwarded<'_>| {
            let written = written(&format!("GET / HTTP/{version}\r\n{host}X-Forwarded-Proto: http\r\n\r\n"), from, &UP);
            let (_, rest) = written.split_once("X-Forwarded-Port: ").expect("it is told");
            rest.split("\r\n").next().unwrap_or_default().to_owned()
        };
        let bound = Forwarded { port: 8443, ..FROM };
        let public = Forwarded { public_port: Some(9943), ..bound };
        let believed = Forwarded { trust: Trust::Trusted, ..public };
        for (host, version, from, expected) in [
            ("Host: esb.wso2.com\r\n", "1.1", &bound, "443"),
            ("Host: esb.wso2.com:10443\r\n", "1.1", &bound, "10443"),
            ("Host: esb.wso2.com:8443\r\n", "1.1", &bound, "8443"),
            ("Host: [::1]:10443\r\n", "1.1", &bound, "10443"),
            ("", "1.0", &bound, "8443"),
            ("Host: esb.wso2.com\r\n", "1.1", &public, "9943"),
            ("Host: esb.wso2.com:10443\r\n", "1.1", &public, "10443"),
            ("", "1.0", &public, "9943"),
            // Through a proxy that terminates or starts TLS, our own port does not count.
            ("Host: esb.wso2.com\r\n", "1.1", &believed, "80"),
            ("Host: 10.0.0.9:8443\r\n", "1.1", &believed, "80"),
            ("Host: esb.wso2.com:8080\r\n", "1.1", &believed, "8080"),
        ] {
            assert_eq!(told(host, version, from), expected, "{host:?} {from:?}");
        }
    }

    #[test]
    fn the_body_and_the_connection_are_spelled_once() {
        let cases = [
            ("", ToNode { framing: FramingToNode::Length(7), ..UP }, "Content-Length: 7\r\n"),
            ("", ToNode { framing: FramingToNode::Chunked, ..UP }, "Transfer-Encoding: chunked\r\n"),
            ("", ToNode { close: true, ..UP }, "Connection: close\r\n"),
            ("", ToNode { via: true, ..UP }, "Via: 1.1 weir\r\n"),
            ("TE: trailers, gzip\r\n", UP, "TE: trailers\r\nConnection: TE\r\n"),
            ("TE: trailers\r\n", ToNode { close: true, ..UP }, "TE: trailers\r\nConnection: TE, close\r\n"),
            (
                "Connection: Upgrade\r\nUpgrade: websocket\r\n",
                ToNode { upgrade: true, close: true, ..UP },
                "Upgrade: websocket\r\nConnection: upgrade\r\n",
            ),
            ("Connection: Upgrade\r\nUpgrade: websocket\r\n", UP, ""),
            ("Upgrade: websocket\r\n", ToNode { upgrade: true, ..UP }, ""),
        ];
        for (came, how, expected) in cases {
            let ordinary = ordinary("192.0.2.7");
            let before = ordinary.strip_suffix("\r\n").expect("an end");
            assert_eq!(to_node(came, &FROM, &how), format!("{before}{expected}\r\n"), "{came:?}");
        }
    }

    #[test]
    fn nodes_are_told_below_which_path_clients_find_them() {
        let text = "GET /esb/a HTTP/1.1\r\nHost: esb.wso2.com\r\n\r\n";
        for (public, upstream, expected) in [("/esb/", "/", vec!["X-Forwarded-Prefix: /esb"]), ("/", "/in/", vec![])] {
            let change = PathChange::new(public, upstream);
            let up = written(text, &FROM, &ToNode { path_change: Some(&change), ..UP });
            let told: Vec<&str> = up.lines().filter(|line| line.starts_with("X-Forwarded-Prefix")).collect();
            assert_eq!(told, expected, "{up}");
        }
    }

    #[test]
    fn a_length_that_does_not_go_up_leaves_no_trace() {
        let text = "POST / HTTP/1.1\r\nHost: esb.wso2.com\r\nContent-Length: 5\r\n\r\n";
        for framing in [FramingToNode::None, FramingToNode::Chunked] {
            let written = written(text, &FROM, &ToNode { framing, ..UP });
            assert!(!written.to_ascii_lowercase().contains("content-length"), "{written}");
        }
    }

    #[test]
    fn expect_goes_up_but_not_for_an_old_client_nor_where_it_was_met() {
        let expect = "Expect: 100-continue\r\n";
        assert_eq!(to_node(expect, &FROM, &UP), format!("{expect}{}", ordinary("192.0.2.7")));
        assert_eq!(to_node(expect, &FROM, &ToNode { expect: false, ..UP }), ordinary("192.0.2.7"));
        let old = written(&format!("POST / HTTP/1.0\r\n{expect}Content-Length: 1\r\n\r\n"), &FROM, &UP);
        assert!(!old.contains("Expect"), "{old}");
    }

    #[test]
    fn what_the_operator_sets_is_there_once_though_weir_would_write_it() {
        let set = edits(&[("Host", "inner"), ("via", "1.1 other")]);
        let how = ToNode { via: true, edits: Some(&set), ..UP };
        for head in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 b\r\n\r\n"] {
            let found = written(head, &FROM, &how).to_ascii_lowercase();
            assert_eq!(found.matches("\r\nhost: ").count(), 1, "{found}");
            assert!(found.ends_with("\r\nhost: inner\r\nvia: 1.1 other\r\n\r\n"), "{found}");
            assert_eq!(found.matches("\r\nvia: ").count(), 1, "{found}");
        }
    }

    fn edits(set: &[(&str, &str)]) -> FieldEdits {
        let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        FieldEdits::new(&Edits { set, ..Edits::default() })
    }
}
