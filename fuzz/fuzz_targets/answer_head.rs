//! Whatever a node sends: it does not matter how it is cut into reads, and what goes down is one answer that a second,
//! strict reader reads the same way.

#![no_main]

mod strict;

use libfuzzer_sys::fuzz_target;
use strict::Frames;
use weir::traffic::message::headers::{FramingToClient, ToClient, write_answer};
use weir::config::{CookieFlags, CookieSameSite, Cookies, NewDomain, Redirects};
use weir::traffic::message::location::PublicName;
use weir::traffic::routing::reverse_map::{Host, ReverseMap};
use weir::wire::{AnswerFault, AnswerFraming, AnswerHead, AnswerScan, Method, Version, scan_answer};

fuzz_target!(|input: &[u8]| {
    let Some((&switches, bytes)) = input.split_first() else { return };
    let to = if switches & 1 != 0 { Method::Head } else { Method::Get };
    let whole = read(bytes, usize::MAX, to);
    for step in [1, 1 + usize::from(switches >> 4)] {
        let cut = read(bytes, step, to);
        let same = match (&whole, &cut) {
            (Ok(None), Ok(None)) => true,
            (Err(one), Err(other)) => one == other,
            (Ok(Some((_, one))), Ok(Some((_, other)))) => one == other,
            _ => false,
        };
        assert!(same, "cut into reads of {step} bytes it means something else");
    }
    if let Ok(Some((head, _))) = whole {
        check_down(&head, to, switches);
    }
});

fn read(bytes: &[u8], step: usize, to: Method) -> Result<Option<(AnswerHead, usize)>, AnswerFault> {
    let (mut head, mut seen) = (AnswerHead::new(), 0);
    while seen < bytes.len() {
        let buffer = &bytes[..seen.saturating_add(step).min(bytes.len())];
        match head.take(buffer, seen, 4096, to) {
            AnswerScan::Partial => seen = buffer.len(),
            AnswerScan::Bad(fault) => return Err(fault),
            AnswerScan::End(end) => return Ok(Some((head, end))),
        }
    }
    Ok(None)
}

fn check_down(head: &AnswerHead, to: Method, switches: u8) {
    let mut reverse_map = ReverseMap::default();
    reverse_map.add_pool(false, Redirects::default());
    reverse_map.add_node(0, Host::of(b"10.0.0.3"), 8280);
    let framing = match head.framing() {
        AnswerFraming::None => FramingToClient::None,
        AnswerFraming::Length(length) => FramingToClient::Length(length),
        AnswerFraming::Chunked | AnswerFraming::UntilClose => FramingToClient::Chunked,
    };
    let flags = CookieFlags { secure: Some(true), http_only: Some(false), same_site: Some(CookieSameSite::Strict) };
    let domains = vec![("internal.local".into(), NewDomain::Name("esb.wso2.com".into())), ("a".into(), NewDomain::Host)];
    let paths = vec![("/carbon/".into(), "/".into())];
    let cookies = Cookies { domains, paths, all: flags, named: Vec::new() };
    let down = ToClient {
        version: if switches & 2 != 0 { Version::Http10 } else { Version::Http11 },
        framing,
        keep_alive: switches & 4 != 0,
        upgrade: head.status() == 101,
        via: false,
        request: &PublicName { secure: true, authority: b"esb.wso2.com", target: b"/", pool: 0, translated: false },
        reverse_map: &reverse_map,
        path_change: None,
        edits: None,
        cookies: (switches & 8 != 0).then_some(&cookies),
        request_id: None,
        page: None,
        extra: &[],
    };
    let mut out = Vec::new();
    write_answer(&mut out, head, &down);

    let (first, fields) = strict::read(&out);
    assert!(first.starts_with(format!("HTTP/1.1 {} ", head.status()).as_bytes()));
    let expected = match framing {
        FramingToClient::Length(length) => Frames::Length(length),
        FramingToClient::Chunked => Frames::Chunked,
        _ => head.length().filter(|_| head.may_declare_length()).map_or(Frames::Nothing, Frames::Length),
    };
    assert_eq!(strict::frames_of_answer(&fields), expected);
    for name in ["keep-alive", "proxy-connection", "proxy-authenticate", "trailer", "te"] {
        assert!(strict::values(&fields, name).is_empty(), "{name}");
    }
    assert!(strict::values(&fields, "connection").len() <= 1);
    for location in strict::values(&fields, "location") {
        // Another port of the node's machine is another application's.
        let own = location.strip_prefix(b"http://10.0.0.3:8280");
        assert!(own.is_none_or(|rest| !rest.is_empty() && !b"/?#".contains(&rest[0]) || !is_plain(location)));
    }
    check_with_a_lax_reader(&out);
    let mut again = AnswerHead::new();
    assert_eq!(scan_answer(&out, 0, 65536), AnswerScan::End(out.len()));
    assert_eq!(again.parse(&out, to), Ok(()));
    assert_eq!(again.status(), head.status());
}

/// Whether the authority is a host and perhaps a port: others are no address of a node.
fn is_plain(location: &[u8]) -> bool {
    let rest = &location[b"http://".len()..];
    let length = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    weir::wire::split_authority(&rest[..length]).is_some()
}

fn check_with_a_lax_reader(out: &[u8]) {
    let mut room = [httparse::EMPTY_HEADER; 300];
    let mut answer = httparse::Response::new(&mut room);
    assert_eq!(answer.parse(out), Ok(httparse::Status::Complete(out.len())));
}
