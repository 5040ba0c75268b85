//! What changes between a client's head and the one a node reads, and back. Everything not named here passes byte for
//! byte, in its order and case. One set of rules serves HTTP/1 and HTTP/2 clients.

use std::borrow::Cow;

use super::location::{NodeAddresses, PublicName, map_location};
use crate::wire::{AnswerHead, Field, FieldKind, RequestHead, Version, digits};

/// What a node is told about where the request came from.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// The client's address as text.
    pub client: &'a [u8],
    /// Whether it came by TLS.
    pub secure: bool,
    /// The listener's port.
    pub port: u16,
    /// What the X-Forwarded-* fields are worth that came along.
    pub trust: Trust,
}

/// What X-Forwarded-* from this client are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody said whom to trust: what came is continued, as nginx's `$proxy_add_x_forwarded_for` does.
    Append,
    /// The client is a trusted proxy: its word on scheme and port counts too.
    Known,
    /// Others are trusted, this client is not: whatever it says is dropped.
    Strip,
}

/// How a request's body goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpFraming {
    /// In chunks.
    Chunked,
    /// With its length.
    Length(u64),
    /// No body, and no field that speaks of one: WSO2 closes the connection after a GET with a length.
    None,
}

/// How a request goes up.
#[derive(Clone, Copy, Debug)]
pub struct Up<'a> {
    /// How its body goes.
    pub framing: UpFraming,
    /// Whether the node shall close afterwards.
    pub close: bool,
    /// Whether Weir names itself in Via.
    pub via: bool,
    /// Whether the client's wish to change the protocol goes up.
    pub upgrade: bool,
    /// The host for clients of HTTP/1.0 that name none.
    pub default_host: &'a [u8],
}

/// Writes the head that a node reads.
pub fn write_request(out: &mut Vec<u8>, head: &RequestHead, from: &Forwarded<'_>, up: &Up<'_>) {
    let host = head.host();
    let host_up = host.map_or(up.default_host, |host| host.raw);
    let host_name = host.map_or(up.default_host, |host| host.name);
    write(out, &[head.method_name(), b" ", head.target_up(), b" HTTP/1.1\r\nHost: ", host_up, b"\r\n"]);
    let mut length_written = false;
    for field in head.fields().filter(|field| goes_up(field, from.trust)) {
        if field.kind != FieldKind::ContentLength {
            write_field(out, field.name, field.value);
        } else if let (UpFraming::Length(length), false) = (up.framing, length_written) {
            length_written = true;
            write_number(out, field.name, length);
        }
    }
    write_field(out, b"X-Forwarded-Host", host_name);
    write_field(out, b"X-Forwarded-Server", host_name);
    write_forwarded_for(out, head, from);
    write_origin(out, head, from);
    if up.via {
        let version: &[u8] = match head.version() {
            _ if head.is_spelled() => b"2.0 weir",
            Version::Http10 => b"1.0 weir",
            Version::Http11 => b"1.1 weir",
        };
        write_field(out, b"Via", version);
    }
    match up.framing {
        UpFraming::Chunked => write_field(out, b"Transfer-Encoding", b"chunked"),
        UpFraming::Length(length) if !length_written => write_number(out, b"Content-Length", length),
        UpFraming::Length(_) | UpFraming::None => {}
    }
    write_connection_up(out, head, up);
    out.extend_from_slice(b"\r\n");
}

fn goes_up(field: &Field<'_>, trust: Trust) -> bool {
    match field.kind {
        FieldKind::Host => false,
        FieldKind::XForwardedOther | FieldKind::XRealIp | FieldKind::Forwarded => !field.hop && trust != Trust::Strip,
        kind => !field.hop && !kind.is_set_by_weir(),
    }
}

fn write_forwarded_for(out: &mut Vec<u8>, head: &RequestHead, from: &Forwarded<'_>) {
    out.extend_from_slice(b"X-Forwarded-For: ");
    if from.trust != Trust::Strip {
        for field in head.fields().filter(|field| field.kind == FieldKind::XForwardedFor && !field.value.is_empty()) {
            write(out, &[field.value, b", "]);
        }
    }
    write(out, &[from.client, b"\r\n"]);
}

/// Scheme and port as the client saw them, as far as anybody whom we may believe knows.
fn write_origin(out: &mut Vec<u8>, head: &RequestHead, from: &Forwarded<'_>) {
    let known = |kind| if from.trust == Trust::Known { last(head, kind) } else { None };
    let secure = known(FieldKind::XForwardedProto).and_then(is_https).unwrap_or(from.secure);
    let default = match secure {
        _ if secure == from.secure => from.port,
        true => 443,
        false => 80,
    };
    let port = known(FieldKind::XForwardedPort).and_then(digits).and_then(|port| u16::try_from(port).ok());
    write_field(out, b"X-Forwarded-Proto", if secure { b"https" } else { b"http" });
    write_number(out, b"X-Forwarded-Port", u64::from(port.unwrap_or(default)));
}

/// Of several lines the last one is by the proxy that speaks to us.
fn last(head: &RequestHead, kind: FieldKind) -> Option<&[u8]> {
    head.fields().filter(|field| field.kind == kind && !field.hop).last().map(|field| field.value)
}

fn is_https(scheme: &[u8]) -> Option<bool> {
    let is = |expected: &[u8]| scheme.eq_ignore_ascii_case(expected);
    if is(b"https") { Some(true) } else { is(b"http").then_some(false) }
}

/// The options of our own connection to the node. TE is one of them (9110 10.1.4).
fn write_connection_up(out: &mut Vec<u8>, head: &RequestHead, up: &Up<'_>) {
    let token = head.upgrade().filter(|_| up.upgrade);
    if head.te_trailers() {
        write_field(out, b"TE", b"trailers");
    }
    if let Some(token) = token {
        write_field(out, b"Upgrade", token);
    }
    let options = [
        (head.te_trailers(), b"TE".as_slice()),
        (token.is_some(), b"upgrade"),
        (up.close && token.is_none(), b"close"),
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

/// How an answer's body goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownFraming {
    /// In chunks (HTTP/2: in frames).
    Chunked,
    /// With its length.
    Length(u64),
    /// No body. What HEAD and 304 declare stays declared.
    None,
    /// Until the connection closes.
    UntilClose,
}

/// How an answer goes down.
#[derive(Clone, Copy, Debug)]
pub struct Down<'a> {
    /// The client's version.
    pub version: Version,
    /// How the body goes.
    pub framing: DownFraming,
    /// Whether the client's connection stays open.
    pub keep_alive: bool,
    /// Whether this is the 101 that ends HTTP on this connection.
    pub upgrade: bool,
    /// Whether Weir names itself in Via.
    pub via: bool,
    /// How the client spelled the place it asked.
    pub public: PublicName<'a>,
    /// What must not leak into Location.
    pub nodes: &'a NodeAddresses,
    /// Fields that Weir adds.
    pub extra: &'a [(&'a [u8], &'a [u8])],
}

/// Writes the head that a client of HTTP/1 reads. The version is always ours (9110 6.2).
pub fn write_answer(out: &mut Vec<u8>, head: &AnswerHead, down: &Down<'_>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_number(out, u64::from(head.status()));
    write(out, &[b" ", head.reason(), b"\r\n"]);
    for (name, value) in answer_fields(head, down) {
        write_field(out, name, &value);
    }
    if down.framing == DownFraming::Chunked {
        write_field(out, b"Transfer-Encoding", b"chunked");
    }
    write_connection_down(out, head, down);
    out.extend_from_slice(b"\r\n");
}

/// The fields of an answer that travel, for a client of any version: without those that only HTTP/1 has.
pub fn answer_fields<'a>(head: &'a AnswerHead, down: &'a Down<'a>) -> impl Iterator<Item = (&'a [u8], Cow<'a, [u8]>)> {
    let declared = declared_length(head, down.framing);
    let own_length = declared.filter(|_| head.value(FieldKind::ContentLength).is_none());
    let own_length = own_length.map(|length| (b"Content-Length".as_slice(), decimal(length)));
    let via = down.via.then(|| (b"Via".as_slice(), Cow::Borrowed(via_node(head))));
    let extra = down.extra.iter().map(|&(name, value)| (name, Cow::Borrowed(value)));
    let mut length_passed = false;
    let passed = head.fields().filter(|field| !field.hop).filter_map(move |field| {
        let value = match field.kind {
            FieldKind::Location | FieldKind::ContentLocation => map_location(field.value, &down.public, down.nodes),
            FieldKind::ContentLength if length_passed => return None,
            FieldKind::ContentLength => {
                length_passed = true;
                same_length(field.value, declared?)
            }
            _ => Cow::Borrowed(field.value),
        };
        Some((field.name, value))
    });
    passed.chain(own_length).chain(via).chain(extra)
}

/// The length that the client is told.
fn declared_length(head: &AnswerHead, framing: DownFraming) -> Option<u64> {
    match framing {
        DownFraming::Length(length) => Some(length),
        DownFraming::None if head.may_declare_length() => head.length(),
        DownFraming::Chunked | DownFraming::None | DownFraming::UntilClose => None,
    }
}

/// The node's own digits where they say the same: no copy for the ordinary answer.
fn same_length(written: &[u8], length: u64) -> Cow<'_, [u8]> {
    if digits(written) == Some(length) { Cow::Borrowed(written) } else { decimal(length) }
}

fn decimal<'a>(number: u64) -> Cow<'a, [u8]> {
    let mut text = Vec::with_capacity(20);
    push_number(&mut text, number);
    Cow::Owned(text)
}

fn via_node(head: &AnswerHead) -> &'static [u8] {
    if head.version() == Version::Http10 { b"1.0 weir" } else { b"1.1 weir" }
}

fn write_connection_down(out: &mut Vec<u8>, head: &AnswerHead, down: &Down<'_>) {
    if down.upgrade {
        write_field(out, b"Connection", b"upgrade");
        write_field(out, b"Upgrade", head.upgrade().unwrap_or(b"websocket"));
    } else if head.is_interim() {
        // The last head decides.
    } else if !down.keep_alive || down.framing == DownFraming::UntilClose {
        write_field(out, b"Connection", b"close");
    } else if down.version == Version::Http10 {
        write_field(out, b"Connection", b"keep-alive");
    }
}

/// Writes one field line.
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    write(out, &[name, b": ", value, b"\r\n"]);
}

fn write_number(out: &mut Vec<u8>, name: &[u8], number: u64) {
    write(out, &[name, b": "]);
    push_number(out, number);
    out.extend_from_slice(b"\r\n");
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let start = out.len();
    let mut rest = number;
    loop {
        out.push(b'0' + u8::try_from(rest % 10).unwrap_or_default());
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

fn write(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}
