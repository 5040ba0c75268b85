//! Changes heads between client and node, in both directions. All other fields pass byte for byte, in their order and
//! case. The same rules serve HTTP/1 and HTTP/2 clients.

use std::borrow::Cow;
use std::io::Write;

use super::decimal::Decimal;
pub use super::forwarded::{Forwarded, Trust};
use super::location::{PublicNameSource, map_location, map_refresh};
use crate::traffic::routing::edits::FieldEdits;
use crate::traffic::routing::reverse_map::ReverseMap;
use crate::wire::{AnswerHead, Field, FieldKind, RequestHead, Version, digits};

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
    /// What site and route change.
    pub edits: Option<&'a FieldEdits>,
}

/// Writes the head that a node reads.
pub fn write_request(out: &mut Vec<u8>, head: &RequestHead, from: &Forwarded<'_>, to_node: &ToNode<'_>) {
    let host = head.host();
    let host_value = host.map_or(to_node.default_authority, |host| host.raw);
    out.reserve(head.size() + USUAL_ADDED);
    let mut run = head.run();
    if run.is_empty() {
        write(out, &[head.method_name(), b" ", head.target_up(), b" HTTP/1.1\r\n"]);
    }
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
    for field in head.fields().filter(|field| goes_to_node(field, from.trust) && !dropped(field)) {
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
        out.extend_from_slice(edits.added());
    }
    write_connection_to_node(out, head, to_node);
    out.extend_from_slice(b"\r\n");
}

fn goes_to_node(field: &Field<'_>, trust: Trust) -> bool {
    match field.kind {
        FieldKind::XForwardedOther | FieldKind::Forwarded => !field.hop && trust == Trust::Trusted,
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
    match from.real {
        // Writing to a Vec cannot fail.
        Some(client) => drop(write!(out, "{client}")),
        None => out.extend_from_slice(from.client),
    }
    out.extend_from_slice(b"\r\n");
}

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

/// How an answer's body goes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingToClient {
    /// In chunks (HTTP/2: in frames).
    Chunked,
    /// With its length.
    Length(u64),
    /// No body. The length that an answer to HEAD or a 304 declares is kept.
    None,
    /// Until the connection closes.
    UntilClose,
}

/// How an answer goes to the client.
#[derive(Clone, Copy)]
pub struct ToClient<'a> {
    /// The client's version.
    pub version: Version,
    /// How the body goes.
    pub framing: FramingToClient,
    /// Whether the client's connection stays open.
    pub keep_alive: bool,
    /// Whether this is the 101 that ends HTTP on this connection.
    pub upgrade: bool,
    /// Whether Weir names itself in Via.
    pub via: bool,
    /// Gives the URL that the client asked for.
    pub public: &'a dyn PublicNameSource,
    /// Maps node addresses in a Location.
    pub reverse_map: &'a ReverseMap,
    /// What site and route change. Not used for 1xx.
    pub edits: Option<&'a FieldEdits>,
    /// Fields that Weir adds.
    pub extra: &'a [Option<(&'a [u8], &'a [u8])>],
}

impl<'a> ToClient<'a> {
    /// What site and route change in this head. Added fields are not part of [`answer_fields`], because HTTP/1 and
    /// HTTP/2 spell them differently.
    pub fn edits_of(&self, head: &AnswerHead) -> Option<&'a FieldEdits> {
        self.edits.filter(|_| !head.is_interim())
    }

    /// Whether our own field replaces the node's field of this name. Set-Cookie is only added.
    fn speaks_for(&self, name: &[u8]) -> bool {
        let own =
            |(own, _): &(&[u8], &[u8])| own.eq_ignore_ascii_case(name) && !own.eq_ignore_ascii_case(b"set-cookie");
        self.extra.iter().flatten().any(own)
    }
}

/// What happens to a field on its way to the client.
enum FieldFate<'a> {
    /// It is passed on as it is.
    Unchanged,
    /// It gets this value.
    Replaced(Cow<'a, [u8]>),
    /// It is not passed on.
    Dropped,
}

/// Decides about each field of one answer.
struct AnswerFilter<'a> {
    to_client: &'a ToClient<'a>,
    edits: Option<&'a FieldEdits>,
    /// Whether Weir adds fields of its own.
    adds: bool,
    /// The length to declare; taken by the first Content-Length.
    declared: Option<u64>,
}

impl<'a> AnswerFilter<'a> {
    fn of(head: &AnswerHead, to_client: &'a ToClient<'a>) -> Self {
        let edits = to_client.edits_of(head).filter(|edits| !edits.is_empty());
        let adds = to_client.extra.iter().any(Option::is_some);
        Self { to_client, edits, adds, declared: declared_length(head, to_client.framing) }
    }

    fn of_field(&mut self, field: &Field<'a>) -> FieldFate<'a> {
        let is_ours = self.adds && self.to_client.speaks_for(field.name);
        if field.hop || is_ours || self.edits.is_some_and(|edits| edits.drops(field.name)) {
            return FieldFate::Dropped;
        }
        match field.kind {
            FieldKind::Location | FieldKind::ContentLocation => FieldFate::Replaced(map_location(
                field.value,
                &self.to_client.public.public_name(),
                self.to_client.reverse_map,
            )),
            FieldKind::Refresh => FieldFate::Replaced(map_refresh(
                field.value,
                &self.to_client.public.public_name(),
                self.to_client.reverse_map,
            )),
            FieldKind::ContentLength => match self.declared.take() {
                None => FieldFate::Dropped,
                // The node's digits stay if they mean the same number.
                Some(length) if digits(field.value) == Some(length) => FieldFate::Unchanged,
                Some(length) => FieldFate::Replaced(Cow::Owned(Decimal::of(length).digits().to_vec())),
            },
            _ => FieldFate::Unchanged,
        }
    }
}

/// Writes the head for an HTTP/1 client. The version is always ours (RFC 9110 6.2).
pub fn write_answer(out: &mut Vec<u8>, head: &AnswerHead, to_client: &ToClient<'_>) {
    out.reserve(head.size() + USUAL_ADDED);
    let mut run = head.run();
    if run.is_empty() {
        let status = Decimal::of(u64::from(head.status()));
        write(out, &[b"HTTP/1.1 ", status.digits(), b" ", head.reason(), b"\r\n"]);
    }
    let mut filter = AnswerFilter::of(head, to_client);
    for field in head.fields() {
        match filter.of_field(&field) {
            FieldFate::Unchanged => run.pass(out, &field),
            FieldFate::Replaced(value) => run.write(out, field.name, &value),
            FieldFate::Dropped => {}
        }
    }
    run.end(out);
    for (name, value) in added_fields(head, to_client) {
        write_field(out, name, &value);
    }
    out.extend_from_slice(to_client.edits_of(head).map_or(b"", FieldEdits::added));
    if to_client.framing == FramingToClient::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    write_connection_to_client(out, head, to_client);
    out.extend_from_slice(b"\r\n");
}

/// A field for the client. Its kind is `Other` if Weir adds it.
type PassedField<'a> = (FieldKind, &'a [u8], Cow<'a, [u8]>);

/// The fields of an answer for a client of any version, without those that only HTTP/1 has.
pub fn answer_fields<'a>(head: &'a AnswerHead, to_client: &'a ToClient<'a>) -> impl Iterator<Item = PassedField<'a>> {
    let mut filter = AnswerFilter::of(head, to_client);
    let passed = head.fields().filter_map(move |field| match filter.of_field(&field) {
        FieldFate::Unchanged => Some((field.kind, field.name, Cow::Borrowed(field.value))),
        FieldFate::Replaced(value) => Some((field.kind, field.name, value)),
        FieldFate::Dropped => None,
    });
    passed.chain(added_fields(head, to_client).map(|(name, value)| (FieldKind::Other, name, value)))
}

/// The fields that Weir adds to an answer.
fn added_fields<'a>(head: &AnswerHead, to_client: &'a ToClient<'a>) -> impl Iterator<Item = (&'a [u8], Cow<'a, [u8]>)> {
    let is_told = head.value(FieldKind::ContentLength).is_some();
    let length = if is_told { None } else { declared_length(head, to_client.framing) };
    let length = length.map(|length| (b"Content-Length".as_slice(), Cow::Owned(Decimal::of(length).digits().to_vec())));
    let via = to_client.via.then(|| (b"Via".as_slice(), via_node(head)));
    let edits = to_client.edits_of(head);
    // The affinity cookie is an additional Set-Cookie, so edits of Set-Cookie do not remove it.
    let stays =
        move |(name, _): &(&[u8], &[u8])| *name == &b"Set-Cookie"[..] || !edits.is_some_and(|edits| edits.drops(name));
    let own = via.into_iter().chain(to_client.extra.iter().flatten().copied()).filter(stays);
    length.into_iter().chain(own.map(|(name, value)| (name, Cow::Borrowed(value))))
}

/// The length to declare to the client.
fn declared_length(head: &AnswerHead, framing: FramingToClient) -> Option<u64> {
    match framing {
        FramingToClient::Length(length) => Some(length),
        FramingToClient::None if head.may_declare_length() => head.length(),
        FramingToClient::Chunked | FramingToClient::None | FramingToClient::UntilClose => None,
    }
}

fn via_node(head: &AnswerHead) -> &'static [u8] {
    if head.version() == Version::Http10 { b"1.0 weir" } else { b"1.1 weir" }
}

fn write_connection_to_client(out: &mut Vec<u8>, head: &AnswerHead, to_client: &ToClient<'_>) {
    if to_client.upgrade {
        write_field(out, b"Connection", b"upgrade");
        write_field(out, b"Upgrade", head.upgrade().unwrap_or(b"websocket"));
    } else if head.is_interim() {
        // Only the final answer's head decides about the connection.
    } else if !to_client.keep_alive || to_client.framing == FramingToClient::UntilClose {
        write_field(out, b"Connection", b"close");
    } else if to_client.version == Version::Http10 {
        write_field(out, b"Connection", b"keep-alive");
    }
}

/// Writes one field line.
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    write(out, &[name, b": ", value, b"\r\n"]);
}

fn write(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// More bytes than we add to most heads.
const USUAL_ADDED: usize = 320;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Edits, Redirects};
    use crate::traffic::message::location::PublicName;
    use crate::traffic::routing::reverse_map::Host;
    use crate::wire::{HeadLimits, Method};

    const FROM: Forwarded<'_> = Forwarded {
        client: b"192.0.2.7",
        real: None,
        secure: true,
        port: 443,
        public_port: None,
        trust: Trust::Append,
    };
    const UP: ToNode<'_> = ToNode {
        framing: FramingToNode::None,
        close: false,
        via: false,
        upgrade: false,
        expect: true,
        default_host: b"esb.wso2.com",
        default_authority: b"esb.wso2.com:8443",
        edits: None,
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
            ("", Trust::Trusted, "https", "443"),
        ];
        for (came, trust, scheme, port) in cases {
            let expected =
                format!("X-Forwarded-Proto: {scheme}\r\nX-Forwarded-Port: {port}\r\nX-Real-IP: 192.0.2.7\r\n\r\n");
            let found = to_node(came, &Forwarded { trust, ..FROM }, &UP);
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
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        let remove = FieldEdits::new(&Edits { remove: vec!["set-cookie".into(), "x-weir".into()], ..Edits::default() });
        let set = edits(&[("date", "today"), ("Via", "1.1 other")]);
        for (edits, expected) in [
            (&set, "X-Weir: a\r\nSet-Cookie: b=c\r\ndate: today\r\nVia: 1.1 other\r\n"),
            // Without its cookie a session would lose its node.
            (&remove, "Via: 1.1 weir\r\nDate: now\r\nSet-Cookie: b=c\r\n"),
        ] {
            let extra: [Option<(&[u8], &[u8])>; 3] =
                [Some((b"Date", b"now")), Some((b"X-Weir", b"a")), Some((b"Set-Cookie", b"b=c"))];
            let (reverse_map, mut head, mut out) = (reverse_map(), AnswerHead::new(), Vec::new());
            let to_client = ToClient { via: true, edits: Some(edits), extra: &extra, ..to_client(&reverse_map) };
            head.parse(text.as_bytes(), Method::Get).expect("a good head");
            write_answer(&mut out, &head, &to_client);
            let found = String::from_utf8(out).expect("text");
            assert_eq!(found, format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{expected}\r\n"));
        }
    }

    fn edits(set: &[(&str, &str)]) -> FieldEdits {
        let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        FieldEdits::new(&Edits { set, ..Edits::default() })
    }

    fn reverse_map() -> ReverseMap {
        let mut reverse_map = ReverseMap::default();
        reverse_map.add_pool(false, Redirects::default());
        for port in [8280, 8243] {
            reverse_map.add_node(0, Host::of(b"10.0.0.3"), port);
        }
        reverse_map
    }

    fn to_client(reverse_map: &ReverseMap) -> ToClient<'_> {
        ToClient {
            version: Version::Http11,
            framing: FramingToClient::Length(5),
            keep_alive: true,
            upgrade: false,
            via: false,
            public: &PublicName { secure: true, authority: b"esb.wso2.com", target: b"/", pool: 0, translated: false },
            reverse_map,
            edits: None,
            extra: &[],
        }
    }

    fn answered(text: &str, to: Method, change: impl FnOnce(&mut ToClient<'_>)) -> String {
        let reverse_map = reverse_map();
        let mut to_client = to_client(&reverse_map);
        change(&mut to_client);
        let mut head = AnswerHead::new();
        head.parse(text.as_bytes(), to).expect("a good head");
        let mut out = Vec::new();
        write_answer(&mut out, &head, &to_client);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn an_answer_passes_unchanged_but_for_what_ends_here() {
        let text = "HTTP/1.0 200 Fine, thanks\nServer: x\nset-cookie: a=1\nX-Drop: 1\nKeep-Alive: 5\n\
                    Connection: keep-alive, x-drop\ncontent-LENGTH: 5\nProxy-Authenticate: y\nSet-Cookie: b=2\n\
                    Date: today\nTrailer: x\nUpgrade: h2\nTE: x\n\n";
        let expected = "HTTP/1.1 200 Fine, thanks\r\nServer: x\r\nset-cookie: a=1\r\ncontent-LENGTH: 5\r\n\
                        Set-Cookie: b=2\r\nDate: today\r\n\r\n";
        assert_eq!(answered(text, Method::Get, |_| {}), expected);
    }

    #[test]
    fn the_body_goes_down_in_one_framing() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        let twice = "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\n";
        let named = "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\n";
        let nothing = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n";
        let unmodified = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n";
        let cases = [
            (length, Method::Get, FramingToClient::Length(5), "Content-Length: 5\r\n"),
            (twice, Method::Get, FramingToClient::Length(5), "Content-Length: 5\r\n"),
            (named, Method::Get, FramingToClient::Length(5), "Content-Length: 5\r\n"),
            (length, Method::Get, FramingToClient::Chunked, "Transfer-Encoding: chunked\r\n"),
            (chunked, Method::Get, FramingToClient::Chunked, "Transfer-Encoding: chunked\r\n"),
            (chunked, Method::Get, FramingToClient::Length(5), "Content-Length: 5\r\n"),
            (chunked, Method::Get, FramingToClient::UntilClose, "Connection: close\r\n"),
            (length, Method::Head, FramingToClient::None, "Content-Length: 5\r\n"),
            (chunked, Method::Head, FramingToClient::None, ""),
            (unmodified, Method::Get, FramingToClient::None, "Content-Length: 5\r\n"),
            (nothing, Method::Get, FramingToClient::None, ""),
        ];
        for (text, to, framing, expected) in cases {
            let found = answered(text, to, |to_client| to_client.framing = framing);
            let fields = found.split_once("\r\n").map(|(_, fields)| fields);
            assert_eq!(fields, Some(format!("{expected}\r\n").as_str()), "{text:?} {framing:?}");
        }
    }

    #[test]
    fn the_client_is_told_whether_its_connection_stays() {
        let text = "HTTP/1.1 200 \r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
        let cases = [
            (Version::Http11, true, ""),
            (Version::Http11, false, "Connection: close\r\n"),
            (Version::Http10, true, "Connection: keep-alive\r\n"),
            (Version::Http10, false, "Connection: close\r\n"),
        ];
        for (version, keep_alive, expected) in cases {
            let found = answered(text, Method::Get, |to_client| {
                (to_client.version, to_client.keep_alive) = (version, keep_alive);
            });
            assert_eq!(found, format!("HTTP/1.1 200 \r\nContent-Length: 5\r\n{expected}\r\n"));
        }
    }

    #[test]
    fn an_upgrade_and_an_interim_answer_say_only_what_they_must() {
        let switching = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\nA: b\r\n\r\n";
        let found = answered(switching, Method::Get, |to_client| {
            (to_client.upgrade, to_client.framing) = (true, FramingToClient::None);
        });
        assert_eq!(found, "HTTP/1.1 101 Switching\r\nA: b\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        let interim = "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n";
        let found = answered(interim, Method::Post, |to_client| {
            (to_client.keep_alive, to_client.framing) = (false, FramingToClient::None);
        });
        assert_eq!(found, "HTTP/1.1 100 Continue\r\n\r\n");
    }

    #[test]
    fn locations_are_mapped_and_our_own_fields_come_last() {
        let text = "HTTP/1.1 202 Accepted\r\nLocation: http://10.0.0.3:8280/a\r\n\
                    content-location: https://10.0.0.3:8243/b\r\nX-Location: http://10.0.0.3:8280/c\r\n\
                    Content-Length: 5\r\n\r\n";
        let found = answered(text, Method::Post, |to_client| {
            to_client.via = true;
            to_client.extra = &[Some((b"Set-Cookie", b"route=w1; Path=/")), None];
        });
        let expected = "HTTP/1.1 202 Accepted\r\nLocation: https://esb.wso2.com/a\r\n\
                        content-location: https://esb.wso2.com/b\r\nX-Location: http://10.0.0.3:8280/c\r\n\
                        Content-Length: 5\r\nVia: 1.1 weir\r\nSet-Cookie: route=w1; Path=/\r\n\r\n";
        assert_eq!(found, expected);
    }

    #[test]
    fn a_node_says_nothing_under_a_name_of_our_own_but_cookies() {
        let text = "HTTP/1.1 200 OK\r\nx-weir: session\r\nX-Weird: a\r\nSet-Cookie: b=c\r\nContent-Length: 5\r\n\r\n";
        let found = answered(text, Method::Get, |to_client| {
            to_client.extra = &[Some((b"X-Weir", b"balanced")), Some((b"Set-Cookie", b"d=e"))];
        });
        let expected = "HTTP/1.1 200 OK\r\nX-Weird: a\r\nSet-Cookie: b=c\r\nContent-Length: 5\r\n\
                        X-Weir: balanced\r\nSet-Cookie: d=e\r\n\r\n";
        assert_eq!(found, expected);
    }
}
