//! Heads of requests and answers, written for the other side.

use std::hint::black_box;

use weir::config::{Edits, Redirects};
use weir::traffic::message::headers::{
    Forwarded, FramingToClient, FramingToNode, ToClient, ToNode, Trust, write_answer, write_request,
};
use weir::traffic::message::location::PublicName;
use weir::traffic::routing::edits::FieldEdits;
use weir::traffic::routing::reverse_map::{Host, ReverseMap};
use weir::wire::Version;

use crate::heads::{ANSWER, HEAD, answer, request};
use crate::measure::{Criterion, measure};

/// What the node reads: of a usual request, and where site and route set and remove fields.
pub(crate) fn to_node(criterion: &mut Criterion) {
    let (from, edits) = (
        Forwarded {
            client: b"192.0.2.7",
            real: None,
            secure: true,
            port: 443,
            public_port: None,
            trust: Trust::Append,
            certificate: None,
        },
        edits(),
    );
    let (head, mut out) = (request(HEAD), Vec::new());
    for (kind, edits) in [("usual", None), ("edited", Some(&edits))] {
        let to_node = ToNode {
            framing: FramingToNode::Length(512),
            close: false,
            via: true,
            upgrade: false,
            expect: false,
            default_host: b"esb.wso2.com",
            default_authority: b"esb.wso2.com",
            path_change: None,
            edits,
            request_id: Some(b"4bf92f3577b34da6a3ce929d0e0e4736"),
            traceparent: None,
            begins_trace: false,
        };
        measure(criterion, &format!("to-node/{kind}"), 0, || {
            out.clear();
            write_request(&mut out, black_box(&head), &from, &to_node);
        });
        assert!(out.starts_with(b"POST /services/Echo HTTP/1.1\r\nHost: esb.wso2.com\r\n"));
        assert_eq!(has(&out, b"X-Team: esb\r\n"), kind == "edited");
    }
}

/// What the client reads: of a usual answer, of one without a length, of a redirect to the node's own address, which is
/// written anew, and where site and route set and remove fields.
pub(crate) fn to_client(criterion: &mut Criterion) {
    let (edits, mut out) = (edits(), Vec::new());
    let mut reverse_map = ReverseMap::default();
    reverse_map.add_pool(true, Redirects::default());
    reverse_map.add_node(0, Host::of(b"10.0.0.3"), 8243);
    let (usual, length) = (answer(ANSWER), FramingToClient::Length(2048));
    let (streamed, redirect) = (answer(STREAMED), answer(REDIRECT));
    let why = [None, Some((&b"X-Weir"[..], &b"session"[..]))];
    for (kind, most, answer, framing, edits, extra) in [
        ("usual", 0, &usual, length, None, &[][..]),
        ("chunked", 0, &streamed, FramingToClient::Chunked, None, &[]),
        ("edited", 0, &usual, length, Some(&edits), &[]),
        ("explained", 0, &usual, length, None, &why),
        ("redirect", 1, &redirect, FramingToClient::Length(0), None, &[]),
    ] {
        let to_client = ToClient {
            version: Version::Http11,
            framing,
            keep_alive: true,
            upgrade: false,
            via: true,
            request: &PublicName { secure: true, authority: b"esb.wso2.com", target: b"/", pool: 0, translated: false },
            reverse_map: &reverse_map,
            path_change: None,
            edits,
            cookies: None,
            request_id: Some(b"4bf92f3577b34da6a3ce929d0e0e4736"),
            page: None,
            extra,
        };
        measure(criterion, &format!("to-client/{kind}"), most, || {
            out.clear();
            write_answer(&mut out, black_box(answer), &to_client);
        });
        assert_eq!(has(&out, b"X-Team: esb\r\n"), kind == "edited");
        assert_eq!(has(&out, b"X-Weir: session\r\n"), kind == "explained");
        assert_eq!(has(&out, b"Location: https://esb.wso2.com/carbon/\r\n"), kind == "redirect");
    }
}

fn edits() -> FieldEdits {
    FieldEdits::new(&Edits {
        set: vec![("X-Team".into(), "esb".into())],
        remove: vec!["server".into()],
        ..Edits::default()
    })
}

fn has(out: &[u8], line: &[u8]) -> bool {
    out.windows(line.len()).any(|window| window == line)
}

const STREAMED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=UTF-8\r\nServer: WSO2-PassThrough-HTTP\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n";

const REDIRECT: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: https://10.0.0.3:8243/carbon/\r\nContent-Length: 0\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\n";
