//! Formats the lines of the access and error logs: nginx's combined format with fields of Weir's, or JSON. They hold no
//! session id and no cookie, and no byte of a client that could end a line or a field.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::dates::{DateCache, write_rfc3339};
use super::digits::{write_number, write_peer, write_seconds};
use super::escape::{self, Escape, write_masked};
use super::logs::LogQueue;

/// The access log of a site: its queue and its format.
#[derive(Clone, Debug)]
pub struct AccessLog {
    /// None where the log is off; then no line is formatted.
    pub queue: Option<Arc<LogQueue>>,
    /// The format of its lines.
    pub format: Format,
}

impl AccessLog {
    /// Writes the line of a request.
    pub fn request(&self, entry: &RequestEntry<'_>, formatter: &mut LineFormatter) {
        self.write(
            formatter,
            |line, clock| entry.write_combined(line, clock),
            |line, clock| entry.write_json(line, clock),
        );
    }

    /// Writes the line of what never reached a site.
    pub fn unrouted(&self, entry: &UnroutedEntry<'_>, formatter: &mut LineFormatter) {
        self.write(
            formatter,
            |line, clock| entry.write_combined(line, clock),
            |line, clock| entry.write_json(line, clock),
        );
    }

    fn write(
        &self,
        LineFormatter { line, clock }: &mut LineFormatter,
        combined: impl FnOnce(&mut Vec<u8>, &mut DateCache),
        json: impl FnOnce(&mut Vec<u8>, &mut DateCache),
    ) {
        let Some(queue) = &self.queue else { return };
        line.clear();
        match self.format {
            Format::Combined => combined(line, clock),
            Format::Json => json(line, clock),
        }
        queue.line(line);
    }
}

/// The format of an access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// nginx's combined form, then `key=value` pairs.
    #[default]
    Combined,
    /// One JSON object a line.
    Json,
}

/// A buffer and cached dates, so that a line is formatted without allocating. One for each thread.
#[derive(Debug, Default)]
pub struct LineFormatter {
    line: Vec<u8>,
    clock: DateCache,
}

impl LineFormatter {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its buffer, with nothing in it.
    pub(super) fn cleared(&mut self) -> &mut Vec<u8> {
        self.line.clear();
        &mut self.line
    }
}

/// The fields of a request's line. An empty text reads `-` in the combined form.
#[derive(Clone, Copy, Debug)]
pub struct RequestEntry<'a> {
    /// When its answer was done.
    pub time: SystemTime,
    /// Who counts as the client: behind a trusted proxy, whoever that one names.
    pub client: IpAddr,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// As it came, without the end of line.
    pub request_line: &'a [u8],
    /// The answer's status; 499 if the client left before there was one.
    pub status: u16,
    /// Bytes of the answer's body that were sent.
    pub body_bytes: u64,
    /// Bytes of the request's body that came.
    pub received: u64,
    /// The Referer field.
    pub referer: &'a [u8],
    /// The User-Agent field.
    pub user_agent: &'a [u8],
    /// The host it asked for.
    pub host: &'a [u8],
    /// The site that took it.
    pub site: &'a str,
    /// The route of that site that took it; empty where the site itself did.
    pub route: &'a str,
    /// The pool it went to.
    pub pool: &'a str,
    /// The node that answered, or was tried last.
    pub node: &'a str,
    /// From the choice of the first node to the end of what the last one sent; none if no node was chosen.
    pub upstream_time: Option<Duration>,
    /// From the end of the head to the last byte of the answer.
    pub time_taken: Duration,
    /// How many nodes were tried.
    pub tries: u32,
    /// The result of its session's look-up: `learned`, `hit`, `rebound` or `none`.
    pub session: &'a str,
    /// Why the request went to that node.
    pub why: &'a str,
    /// How long it waited for its rate and for a place at a node. Part of `time_taken`.
    pub queued: Duration,
    /// X-Request-Id. Like the trace's id it has no byte to escape.
    pub request_id: &'a [u8],
    /// The id of the W3C trace. If it is empty, the line has no such field.
    pub trace_id: &'a [u8],
    /// Names of sessions besides JSESSIONID: their values are masked too.
    pub session_names: &'a [Arc<str>],
    /// The word of the refusal or the fault, if any.
    pub refusal: &'a str,
    /// What was wrong, in more detail than the word says. If it is empty, the line has no such field.
    pub reason: &'a str,
    /// The subject of the certificate that the client has shown and that was believed (RFC 4514). If it is empty, the line has no such
    /// field.
    pub subject: &'a str,
    /// `TLSv1.2`, `TLSv1.3`, or empty on a plain listener.
    pub tls: &'a str,
    /// The group of the key exchange, empty where there was none.
    pub key_exchange: &'a str,
    /// `http/1.0`, `http/1.1` or `h2`.
    pub protocol: &'a str,
    /// The number of the client's connection.
    pub connection: u64,
    /// The number of the request on its connection, from 1.
    pub nth: u64,
}

impl RequestEntry<'_> {
    /// Appends the line in nginx's combined form, without the end of line.
    pub fn write_combined(&self, out: &mut Vec<u8>, clock: &mut DateCache) {
        let line = |out: &mut Vec<u8>| write_masked(out, self.request_line, self.session_names, escape::quoted);
        write_common(out, clock, self.time, self.client, line, self.status, self.body_bytes);
        write_quoted(out, self.referer, self.session_names);
        write_quoted(out, self.user_agent, self.session_names);
        out.extend_from_slice(b" id=");
        out.extend_from_slice(or_dash(self.request_id));
        if !self.trace_id.is_empty() {
            out.extend_from_slice(b" trace=");
            out.extend_from_slice(self.trace_id);
        }
        out.extend_from_slice(b" peer=");
        write_peer(out, self.peer);
        write_pair(out, b" host=", self.host);
        write_pair(out, b" site=", self.site.as_bytes());
        write_pair(out, b" route=", self.route.as_bytes());
        write_pair(out, b" pool=", self.pool.as_bytes());
        write_pair(out, b" node=", self.node.as_bytes());
        out.extend_from_slice(b" upstream=");
        match self.upstream_time {
            Some(time) => write_seconds(out, time),
            None => out.push(b'-'),
        }
        out.extend_from_slice(b" time=");
        write_seconds(out, self.time_taken);
        out.extend_from_slice(b" tries=");
        write_number(out, self.tries.into(), 1);
        write_pair(out, b" session=", self.session.as_bytes());
        write_pair(out, b" why=", self.why.as_bytes());
        out.extend_from_slice(b" queued=");
        write_seconds(out, self.queued);
        if !self.subject.is_empty() {
            write_text(out, b" subject=", self.subject, self.session_names);
        }
        write_pair(out, b" refusal=", self.refusal.as_bytes());
        if !self.reason.is_empty() {
            write_text(out, b" reason=", self.reason, self.session_names);
        }
    }

    /// Appends the line as a JSON object, without the end of line.
    pub fn write_json(&self, out: &mut Vec<u8>, clock: &mut DateCache) {
        write_json_start(out, clock, self.time, self.client, self.peer);
        write_json_plain(out, br#","request_id":""#, self.request_id);
        if !self.trace_id.is_empty() {
            write_json_plain(out, br#","trace_id":""#, self.trace_id);
        }
        write_json_masked(out, br#","request":""#, self.request_line, self.session_names);
        write_json_number(out, br#","status":"#, self.status.into());
        write_json_number(out, br#","body_bytes":"#, self.body_bytes);
        write_json_number(out, br#","received_bytes":"#, self.received);
        write_json_masked(out, br#","referer":""#, self.referer, self.session_names);
        write_json_masked(out, br#","user_agent":""#, self.user_agent, self.session_names);
        write_json_masked(out, br#","host":""#, self.host, self.session_names);
        write_json_text(out, br#","site":""#, self.site);
        write_json_text(out, br#","route":""#, self.route);
        write_json_text(out, br#","pool":""#, self.pool);
        write_json_text(out, br#","node":""#, self.node);
        out.extend_from_slice(br#","upstream_seconds":"#);
        match self.upstream_time {
            Some(time) => write_seconds(out, time),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(br#","seconds":"#);
        write_seconds(out, self.time_taken);
        write_json_number(out, br#","tries":"#, self.tries.into());
        write_json_text(out, br#","session":""#, self.session);
        write_json_text(out, br#","why":""#, self.why);
        out.extend_from_slice(br#","queued_seconds":"#);
        write_seconds(out, self.queued);
        write_json_text(out, br#","refusal":""#, self.refusal);
        if !self.reason.is_empty() {
            write_json_masked(out, br#","reason":""#, self.reason.as_bytes(), self.session_names);
        }
        if !self.subject.is_empty() {
            write_json_text(out, br#","client_subject":""#, self.subject);
        }
        write_json_text(out, br#","tls":""#, self.tls);
        write_json_text(out, br#","key_exchange":""#, self.key_exchange);
        write_json_text(out, br#","protocol":""#, self.protocol);
        write_json_number(out, br#","connection":"#, self.connection);
        write_json_number(out, br#","nth":"#, self.nth);
        out.push(b'}');
    }
}

/// The fields of the line of what never reached a site: a malformed head, a handshake that failed.
#[derive(Clone, Copy, Debug)]
pub struct UnroutedEntry<'a> {
    /// When.
    pub time: SystemTime,
    /// Who.
    pub peer: IpAddr,
    /// The listener's name.
    pub listener: &'a str,
    /// The status it was answered with; 0 where there was no answer, as after a failed handshake.
    pub status: u16,
    /// The refusal's word, or `handshake-failed`.
    pub word: &'a str,
    /// What was wrong, if there is more to say than the word.
    pub reason: &'a str,
    /// X-Request-Id of the answer; empty where there was none.
    pub request_id: &'a [u8],
    /// What came; no more than its first 64 bytes are shown.
    pub first: &'a [u8],
    /// Names of sessions besides JSESSIONID: their values are masked too.
    pub session_names: &'a [Arc<str>],
}

impl UnroutedEntry<'_> {
    /// Appends the line in nginx's combined form, without the end of line.
    pub fn write_combined(&self, out: &mut Vec<u8>, clock: &mut DateCache) {
        write_common(out, clock, self.time, self.peer, |out| self.write_first(out, escape::quoted), self.status, 0);
        out.extend_from_slice(b" \"-\" \"-\"");
        if !self.request_id.is_empty() {
            write_pair(out, b" id=", self.request_id);
        }
        out.extend_from_slice(b" host=- site=-");
        write_pair(out, b" listener=", self.listener.as_bytes());
        write_pair(out, b" refusal=", self.word.as_bytes());
        write_text(out, b" reason=", self.reason, self.session_names);
    }

    /// Appends the line as a JSON object, without the end of line.
    pub fn write_json(&self, out: &mut Vec<u8>, clock: &mut DateCache) {
        write_json_start(out, clock, self.time, self.peer, self.peer);
        out.extend_from_slice(br#","request":""#);
        self.write_first(out, escape::json);
        out.push(b'"');
        if !self.request_id.is_empty() {
            write_json_plain(out, br#","request_id":""#, self.request_id);
        }
        write_json_number(out, br#","status":"#, self.status.into());
        write_json_text(out, br#","site":""#, "");
        write_json_text(out, br#","listener":""#, self.listener);
        write_json_text(out, br#","refusal":""#, self.word);
        write_json_masked(out, br#","reason":""#, self.reason.as_bytes(), self.session_names);
        out.push(b'}');
    }

    fn write_first(&self, out: &mut Vec<u8>, escape: Escape) {
        write_masked(out, self.first.get(..MOST_SHOWN).unwrap_or(self.first), self.session_names, escape);
    }
}

/// Appends a line of a site's error log, without the end of line: time, what `level` it is, and the text, escaped,
/// without the values of sessions of these names.
pub fn write_error(out: &mut Vec<u8>, time: SystemTime, level: &str, text: &[u8], names: &[Arc<str>]) {
    write_rfc3339(out, time);
    out.extend_from_slice(b" [");
    out.extend_from_slice(level.as_bytes());
    out.extend_from_slice(b"] ");
    write_masked(out, text, names, escape::quoted);
}

/// Text for the journal with `*` for each value of a session. The journal escapes it.
pub fn masked(text: &str, names: &[Arc<str>]) -> String {
    let mut out = Vec::with_capacity(text.len());
    write_masked(&mut out, text.as_bytes(), names, Vec::extend_from_slice);
    String::from_utf8_lossy(&out).into_owned()
}

fn write_text(out: &mut Vec<u8>, key: &[u8], text: &str, names: &[Arc<str>]) {
    out.extend_from_slice(key);
    out.push(b'"');
    write_masked(out, or_dash(text.as_bytes()), names, escape::quoted);
    out.push(b'"');
}

fn write_common(
    out: &mut Vec<u8>,
    clock: &mut DateCache,
    time: SystemTime,
    client: IpAddr,
    line: impl FnOnce(&mut Vec<u8>),
    status: u16,
    bytes: u64,
) {
    write_peer(out, client);
    out.extend_from_slice(b" - - [");
    out.extend_from_slice(clock.combined(time));
    out.extend_from_slice(b"] \"");
    let empty = out.len();
    line(out);
    if out.len() == empty {
        out.push(b'-');
    }
    out.extend_from_slice(b"\" ");
    // nginx writes 000 where there was no answer.
    write_number(out, status.into(), 3);
    out.push(b' ');
    write_number(out, bytes, 1);
}

fn write_quoted(out: &mut Vec<u8>, bytes: &[u8], names: &[Arc<str>]) {
    out.extend_from_slice(b" \"");
    write_masked(out, or_dash(bytes), names, escape::quoted);
    out.push(b'"');
}

fn write_pair(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(key);
    escape::bare(out, or_dash(value));
}

fn or_dash(bytes: &[u8]) -> &[u8] {
    if bytes.is_empty() { b"-" } else { bytes }
}

fn write_json_start(out: &mut Vec<u8>, clock: &mut DateCache, time: SystemTime, client: IpAddr, peer: IpAddr) {
    out.extend_from_slice(b"{\"time\":\"");
    clock.write_rfc3339(out, time);
    out.extend_from_slice(br#"","client":""#);
    write_peer(out, client);
    out.extend_from_slice(br#"","peer":""#);
    write_peer(out, peer);
    out.push(b'"');
}

/// The key comes with all that stands before the value.
fn write_json_number(out: &mut Vec<u8>, key: &[u8], number: u64) {
    out.extend_from_slice(key);
    write_number(out, number, 1);
}

fn write_json_text(out: &mut Vec<u8>, key: &[u8], text: &str) {
    out.extend_from_slice(key);
    escape::json(out, text.as_bytes());
    out.push(b'"');
}

/// For text that has no byte to escape.
fn write_json_plain(out: &mut Vec<u8>, key: &[u8], text: &[u8]) {
    out.extend_from_slice(key);
    out.extend_from_slice(text);
    out.push(b'"');
}

fn write_json_masked(out: &mut Vec<u8>, key: &[u8], bytes: &[u8], names: &[Arc<str>]) {
    out.extend_from_slice(key);
    write_masked(out, bytes, names, escape::json);
    out.push(b'"');
}

const MOST_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn entry() -> RequestEntry<'static> {
        RequestEntry {
            time: UNIX_EPOCH + Duration::from_millis(1_795_348_800_123),
            client: IpAddr::from([192, 0, 2, 7]),
            peer: IpAddr::from([10, 0, 0, 9]),
            request_line: b"POST /services/echo;jsessionid=SECRET.w1?x=1 HTTP/1.1",
            status: 200,
            body_bytes: 612,
            received: 48,
            referer: b"https://esb.wso2.com/a;jsessionid=SECRET",
            user_agent: b"curl/7 \"x\"",
            host: b"esb.wso2.com",
            site: "esb.https",
            route: "",
            pool: "esb-https",
            node: "worker1",
            upstream_time: Some(Duration::from_micros(12_999)),
            time_taken: Duration::from_millis(75_013),
            tries: 1,
            session: "hit",
            why: "session",
            queued: Duration::ZERO,
            request_id: b"4bf92f3577b34da6a3ce929d0e0e4736",
            trace_id: b"",
            session_names: &[],
            refusal: "",
            reason: "",
            subject: "",
            tls: "TLSv1.3",
            key_exchange: "X25519MLKEM768",
            protocol: "http/1.1",
            connection: 17,
            nth: 3,
        }
    }

    fn combined(entry: &RequestEntry<'_>) -> String {
        let mut out = Vec::new();
        entry.write_combined(&mut out, &mut DateCache::new());
        String::from_utf8(out).unwrap()
    }

    fn json(entry: &RequestEntry<'_>) -> serde_json::Value {
        let mut out = Vec::new();
        entry.write_json(&mut out, &mut DateCache::new());
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_request_is_told_as_nginx_tells_it_and_more() {
        assert_eq!(
            combined(&entry()),
            "192.0.2.7 - - [22/Nov/2026:12:00:00 +0000] \"POST /services/echo;jsessionid=*?x=1 HTTP/1.1\" 200 612 \
             \"https://esb.wso2.com/a;jsessionid=*\" \"curl/7 \\x22x\\x22\" id=4bf92f3577b34da6a3ce929d0e0e4736 \
             peer=10.0.0.9 host=esb.wso2.com site=esb.https route=- pool=esb-https node=worker1 upstream=0.012 time=75.013 tries=1 session=hit why=session queued=0.000 \
             refusal=-"
        );
    }

    #[test]
    fn what_is_unknown_reads_as_a_dash() {
        let nothing = RequestEntry {
            client: "::ffff:192.0.2.7".parse().unwrap(),
            peer: "::ffff:10.0.0.9".parse().unwrap(),
            request_line: b"",
            status: 0,
            referer: b"",
            user_agent: b"",
            request_id: b"",
            host: b"a b\n",
            site: "",
            pool: "",
            node: "",
            upstream_time: None,
            time_taken: Duration::ZERO,
            tries: 0,
            session: "none",
            refusal: "no_node",
            ..entry()
        };
        assert_eq!(
            combined(&nothing),
            "192.0.2.7 - - [22/Nov/2026:12:00:00 +0000] \"-\" 000 612 \"-\" \"-\" id=- peer=10.0.0.9 host=a\\x20b\\x0A site=- \
             route=- pool=- node=- upstream=- time=0.000 tries=0 session=none why=session queued=0.000 refusal=no_node"
        );
        assert_eq!(json(&nothing)["upstream_seconds"], serde_json::Value::Null);
    }

    #[test]
    fn a_trace_has_its_place_where_there_is_one() {
        let traced = RequestEntry { trace_id: b"00f067aa0ba902b7a3ce929d0e0e4736", ..entry() };
        let line = combined(&traced);
        assert!(line.contains(" trace=00f067aa0ba902b7a3ce929d0e0e4736 peer="), "{line}");
        assert_eq!(json(&traced)["trace_id"], "00f067aa0ba902b7a3ce929d0e0e4736");
    }

    #[test]
    fn who_has_shown_a_certificate_is_named() {
        let partner = RequestEntry { subject: "CN=partner \"x\"\\, inc,O=Acme", ..entry() };
        let line = combined(&partner);
        assert!(
            line.ends_with(" queued=0.000 subject=\"CN=partner \\x22x\\x22\\x5C, inc,O=Acme\" refusal=-"),
            "{line}"
        );
        assert_eq!(json(&partner)["client_subject"], "CN=partner \"x\"\\, inc,O=Acme");
    }

    #[test]
    fn json_has_every_field_and_survives_strangers() {
        let value = json(&RequestEntry { user_agent: b"\xff\"\\\n", peer: "2001:db8::1".parse().unwrap(), ..entry() });
        let want = serde_json::json!({
            "request_id": "4bf92f3577b34da6a3ce929d0e0e4736", "time": "2026-11-22T12:00:00.123Z", "client": "192.0.2.7", "peer": "2001:db8::1",
            "request": "POST /services/echo;jsessionid=*?x=1 HTTP/1.1", "status": 200, "body_bytes": 612,
            "received_bytes": 48, "referer": "https://esb.wso2.com/a;jsessionid=*", "user_agent": "\u{ff}\"\\\n",
            "host": "esb.wso2.com", "site": "esb.https", "pool": "esb-https", "node": "worker1",
            "upstream_seconds": 0.012, "seconds": 75.013, "tries": 1, "session": "hit", "why": "session",
            "queued_seconds": 0.0, "route": "", "refusal": "",
            "tls": "TLSv1.3", "key_exchange": "X25519MLKEM768", "protocol": "http/1.1", "connection": 17, "nth": 3,
        });
        assert_eq!(value, want);
    }

    #[test]
    fn a_head_that_is_none_and_a_failed_handshake_have_their_lines() {
        let first = [&b"GET / HTTP/1.1\r\nCookie: JSESSIONID=SECRET\r\n\0\xff"[..], &[b'x'; 100]].concat();
        let head = UnroutedEntry {
            time: entry().time,
            peer: entry().peer,
            listener: "http",
            status: 400,
            word: "bad_head",
            reason: "a NUL in a field",
            request_id: b"",
            first: &first,
            session_names: &[],
        };
        let mut out = Vec::new();
        head.write_combined(&mut out, &mut DateCache::new());
        let shown = format!("{}{}", r"GET / HTTP/1.1\x0D\x0ACookie: JSESSIONID=*\x0D\x0A\x00\xFF", "x".repeat(19));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            format!(
                "10.0.0.9 - - [22/Nov/2026:12:00:00 +0000] \"{shown}\" 400 0 \"-\" \"-\" host=- site=- listener=http \
                 refusal=bad_head reason=\"a NUL in a field\""
            )
        );

        let handshake =
            UnroutedEntry { listener: "https", status: 0, word: "handshake-failed", reason: "", first: b"", ..head };
        let mut out = Vec::new();
        handshake.write_combined(&mut out, &mut DateCache::new());
        assert!(
            String::from_utf8(out).unwrap().ends_with(
                "\"-\" 000 0 \"-\" \"-\" host=- site=- listener=https refusal=handshake-failed reason=\"-\""
            )
        );
        let mut out = Vec::new();
        head.write_json(&mut out, &mut DateCache::new());
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["listener"], "http");
        assert!(!value["request"].as_str().unwrap().contains("SECRET"));
    }

    #[test]
    fn sessions_of_other_names_are_masked_in_every_line_and_reasons_stand_at_the_end() {
        let names: [Arc<str>; 2] = ["SID".into(), "WEIRNODE".into()];
        let request = RequestEntry {
            request_line: b"GET /a;sid=SECRET HTTP/1.1",
            referer: b"/?weirnode=SECRET",
            refusal: "node-malformed",
            reason: "bad-field: \"sid=SECRET\n\"",
            request_id: b"",
            session_names: &names,
            ..entry()
        };
        let line = combined(&request);
        assert!(line.contains("/a;sid=* HTTP/1.1") && !line.contains("SECRET"), "{line}");
        assert!(line.ends_with(r#" refusal=node-malformed reason="bad-field: \x22sid=*\x0A\x22""#), "{line}");
        assert_eq!(json(&request)["reason"], "bad-field: \"sid=*\n\"");
        let entry = UnroutedEntry {
            time: entry().time,
            peer: entry().peer,
            listener: "http",
            status: 400,
            word: "bad-target",
            request_id: b"4bf92f3577b34da6a3ce929d0e0e4736",
            reason: "sid=SECRET",
            first: b"GET /a;SID=SECRET#",
            session_names: &names,
        };
        let (mut plain, mut object) = (Vec::new(), Vec::new());
        entry.write_combined(&mut plain, &mut DateCache::new());
        entry.write_json(&mut object, &mut DateCache::new());
        for line in [plain, object] {
            let line = String::from_utf8(line).unwrap();
            assert!(line.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{line}");
            assert!(line.contains("/a;SID=*#") && line.contains("sid=*") && !line.contains("SECRET"), "{line}");
        }
    }

    #[test]
    fn an_error_line_stays_one_line() {
        let mut out = Vec::new();
        let names = ["SID".into()];
        write_error(&mut out, entry().time, "error", b"node worker1 said:\n;jsessionid=SECRET;sid=SECRET", &names);
        let want = r"2026-11-22T12:00:00.123Z [error] node worker1 said:\x0A;jsessionid=*;sid=*";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
