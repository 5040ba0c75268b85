//! One span, written as OTLP has it in JSON: ids in hexadecimal, times in nanoseconds as text. The names of the
//! attributes are OpenTelemetry's where it has them (HTTP spans, "server"); the others begin with `weir.`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::observe::access_log::RequestEntry;
use crate::observe::digits::{write_number, write_peer, write_seconds};
use crate::observe::escape::{self, write_masked};

/// What a span tells of a request.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// What its access line tells; the trace is there.
    pub request: &'a RequestEntry<'a>,
    /// The id of the span, in digits.
    pub id: &'a [u8],
    /// The id of the span that it belongs to; empty where the trace begins here.
    pub parent: &'a [u8],
    /// The request's method.
    pub method: &'a [u8],
    /// The path, without what follows the question mark.
    pub path: &'a [u8],
    /// The host that was asked for, without a port.
    pub host: &'a [u8],
    /// Whether the client came by https.
    pub secure: bool,
}

impl Span<'_> {
    /// Appends it as one JSON object without an end of line in it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let request = self.request;
        for (key, id) in [(&br#"{"traceId":""#[..], request.trace_id), (br#"","spanId":""#, self.id)] {
            out.extend_from_slice(key);
            out.extend_from_slice(id);
        }
        if !self.parent.is_empty() {
            out.extend_from_slice(br#"","parentSpanId":""#);
            out.extend_from_slice(self.parent);
        }
        out.extend_from_slice(br#"","kind":2,"name":""#);
        self.write_name(out);
        out.extend_from_slice(br#"","startTimeUnixNano":""#);
        write_time(out, request.time.checked_sub(request.time_taken).unwrap_or(UNIX_EPOCH));
        out.extend_from_slice(br#"","endTimeUnixNano":""#);
        write_time(out, request.time);
        out.extend_from_slice(br#"","attributes":["#);
        self.write_attributes(&mut Attributes { out, first: true });
        out.push(b']');
        if request.status >= 500 {
            out.extend_from_slice(br#","status":{"code":2}"#);
        }
        out.push(b'}');
    }

    /// The method and the route: names are few, whatever clients ask for.
    fn write_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.has_known_method() { self.method } else { b"HTTP" });
        if !self.request.route.is_empty() {
            out.push(b' ');
            escape::json(out, self.request.route.as_bytes());
        }
    }

    fn has_known_method(&self) -> bool {
        METHODS.contains(&self.method)
    }

    fn write_attributes(&self, to: &mut Attributes<'_>) {
        let request = self.request;
        to.text("http.request.method", if self.has_known_method() { self.method } else { b"_OTHER" });
        if !self.has_known_method() {
            to.text("http.request.method_original", self.method);
        }
        to.value("url.path", br#"{"stringValue":""#, b"\"}", |out| {
            write_masked(out, self.path, request.session_names, escape::json);
        });
        to.text("url.scheme", if self.secure { b"https" } else { b"http" });
        if request.status > 0 {
            to.number("http.response.status_code", request.status.into());
        }
        if request.status >= 500 {
            to.value("error.type", br#"{"stringValue":""#, b"\"}", |out| match request.refusal {
                "" => write_number(out, request.status.into(), 1),
                word => out.extend_from_slice(word.as_bytes()),
            });
        }
        to.text("server.address", self.host);
        for (key, address) in [("client.address", request.client), ("network.peer.address", request.peer)] {
            to.value(key, br#"{"stringValue":""#, b"\"}", |out| write_peer(out, address));
        }
        to.text(
            "network.protocol.version",
            request.protocol.trim_start_matches("http/").trim_start_matches('h').as_bytes(),
        );
        self.write_own(to);
    }

    /// What only Weir knows.
    fn write_own(&self, to: &mut Attributes<'_>) {
        let request = self.request;
        let outcome = if request.refusal.is_empty() { "answered" } else { request.refusal };
        for (key, value) in [
            ("weir.site", request.site),
            ("weir.route", request.route),
            ("weir.pool", request.pool),
            ("weir.node", request.node),
            ("weir.outcome", outcome),
            ("weir.why", request.why),
            ("weir.session", request.session),
        ] {
            to.text(key, value.as_bytes());
        }
        to.text("weir.request_id", request.request_id);
        to.number("weir.tries", request.tries.into());
        to.seconds("weir.queued_seconds", request.queued);
        if let Some(time) = request.upstream_time {
            to.seconds("weir.upstream_seconds", time);
        }
    }
}

/// The methods that OpenTelemetry knows. Any other could be another one each time.
const METHODS: &[&[u8]] =
    &[b"CONNECT", b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT", b"QUERY", b"TRACE"];

/// A list of attributes on its way.
struct Attributes<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl Attributes<'_> {
    /// A text; nothing where it is empty.
    fn text(&mut self, key: &str, text: &[u8]) {
        if !text.is_empty() {
            self.value(key, br#"{"stringValue":""#, b"\"}", |out| escape::json(out, text));
        }
    }

    fn number(&mut self, key: &str, number: u64) {
        self.value(key, br#"{"intValue":""#, b"\"}", |out| write_number(out, number, 1));
    }

    fn seconds(&mut self, key: &str, time: Duration) {
        self.value(key, br#"{"doubleValue":"#, b"}", |out| write_seconds(out, time));
    }

    fn value(&mut self, key: &str, before: &[u8], after: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        for part in [br#"{"key":""#, key.as_bytes(), br#"","value":"#, before] {
            self.out.extend_from_slice(part);
        }
        write(self.out);
        self.out.extend_from_slice(after);
        self.out.push(b'}');
    }
}

fn write_time(out: &mut Vec<u8>, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    write_number(out, u64::try_from(since.as_nanos()).unwrap_or(u64::MAX), 1);
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn request(session_names: &[Arc<str>]) -> RequestEntry<'_> {
        RequestEntry {
            time: UNIX_EPOCH + Duration::from_millis(1_795_348_800_123),
            client: IpAddr::from([192, 0, 2, 7]),
            peer: IpAddr::from([10, 0, 0, 9]),
            request_line: b"",
            status: 200,
            body_bytes: 612,
            received: 48,
            referer: b"",
            user_agent: b"",
            host: b"esb.wso2.com:8443",
            site: "esb",
            route: "services",
            pool: "esb-https",
            node: "worker1",
            upstream_time: Some(Duration::from_micros(12_999)),
            time_taken: Duration::from_millis(75),
            tries: 1,
            session: "hit",
            why: "session",
            queued: Duration::ZERO,
            request_id: b"7",
            trace_id: b"4bf92f3577b34da6a3ce929d0e0e4736",
            session_names,
            refusal: "",
            reason: "",
            subject: "",
            tls: "",
            key_exchange: "",
            protocol: "http/1.1",
            connection: 17,
            nth: 3,
        }
    }

    fn span<'a>(request: &'a RequestEntry<'a>) -> Span<'a> {
        Span {
            request,
            id: b"00f067aa0ba902b7",
            parent: b"",
            method: b"POST",
            path: b"/services/echo",
            host: b"esb.wso2.com",
            secure: true,
        }
    }

    fn read(span: &Span<'_>) -> Value {
        let mut out = Vec::new();
        span.write(&mut out);
        assert!(!out.contains(&b'\n'), "one line");
        serde_json::from_slice(&out).unwrap()
    }

    fn attribute<'v>(span: &'v Value, key: &str) -> &'v Value {
        let all = span["attributes"].as_array().unwrap();
        all.iter().find(|one| one["key"] == key).map_or(&Value::Null, |one| &one["value"])
    }

    #[test]
    fn a_span_tells_what_the_access_line_tells() {
        let request = request(&[]);
        let told = read(&Span { parent: b"a0f067aa0ba902b7", ..span(&request) });
        for (key, expected) in [
            ("traceId", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("spanId", "00f067aa0ba902b7"),
            ("parentSpanId", "a0f067aa0ba902b7"),
            ("name", "POST services"),
            ("startTimeUnixNano", "1795348800048000000"),
            ("endTimeUnixNano", "1795348800123000000"),
        ] {
            assert_eq!(told[key], expected, "{key}");
        }
        assert_eq!((&told["kind"], &told["status"]), (&json!(2), &Value::Null));
        for (key, expected) in [
            ("http.request.method", json!({"stringValue": "POST"})),
            ("http.response.status_code", json!({"intValue": "200"})),
            ("url.path", json!({"stringValue": "/services/echo"})),
            ("url.scheme", json!({"stringValue": "https"})),
            ("server.address", json!({"stringValue": "esb.wso2.com"})),
            ("client.address", json!({"stringValue": "192.0.2.7"})),
            ("network.protocol.version", json!({"stringValue": "1.1"})),
            ("weir.node", json!({"stringValue": "worker1"})),
            ("weir.outcome", json!({"stringValue": "answered"})),
            ("weir.tries", json!({"intValue": "1"})),
            ("weir.upstream_seconds", json!({"doubleValue": 0.012})),
        ] {
            assert_eq!(attribute(&told, key), &expected, "{key}");
        }
        assert_eq!(attribute(&told, "error.type"), &Value::Null);
    }

    #[test]
    fn what_a_client_writes_is_masked_escaped_and_makes_no_new_name() {
        let names = ["SID".into()];
        let failed = RequestEntry { status: 502, refusal: "node-closed", protocol: "h2", route: "", ..request(&names) };
        let told =
            read(&Span { method: b"BREW", path: b"/a\"\n\xff;jsessionid=SECRET.w1;SID=SECRET", ..span(&failed) });
        assert_eq!((&told["name"], &told["parentSpanId"]), (&json!("HTTP"), &Value::Null));
        assert_eq!(told["status"], json!({"code": 2}));
        for (key, expected) in [
            ("http.request.method", "_OTHER"),
            ("http.request.method_original", "BREW"),
            ("url.path", "/a\"\n\u{ff};jsessionid=*;SID=*"),
            ("error.type", "node-closed"),
            ("network.protocol.version", "2"),
        ] {
            assert_eq!(attribute(&told, key)["stringValue"], expected, "{key}");
        }
    }
}
