//! Whatever a client sends: it does not matter how it is cut into reads, and what goes up is one request that a
//! second, strict reader reads the same way.

#![no_main]

mod strict;

use libfuzzer_sys::fuzz_target;
use strict::Frames;
use weir::traffic::message::headers::{Forwarded, FramingToNode, ToNode, Trust, write_request};
use weir::traffic::routing::normalized_path;
use weir::traffic::routing::normalized_path::PathScratch;
use weir::traffic::routing::path_change::PathChange;
use weir::wire::{Framing, HeadFault, HeadLimits, RequestHead, Scan, scan_head};

fuzz_target!(|input: &[u8]| {
    let Some((&switches, bytes)) = input.split_first() else { return };
    let limits = HeadLimits { bytes: 4096, fields: 20, target: 200, secure: switches & 1 != 0 };
    let whole = read(bytes, usize::MAX, &limits);
    for step in [1, 1 + usize::from(switches >> 4)] {
        let cut = read(bytes, step, &limits);
        let same = match (&whole, &cut) {
            (Ok(None), Ok(None)) => true,
            (Err(one), Err(other)) => one == other,
            (Ok(Some((_, one))), Ok(Some((_, other)))) => one == other,
            _ => false,
        };
        assert!(same, "cut into reads of {step} bytes it means something else");
    }
    if let Ok(Some((head, _))) = whole {
        check_path(head.path());
        check_changed_path(head.path());
        check_up(&head, switches);
    }
});

fn read(bytes: &[u8], step: usize, limits: &HeadLimits) -> Result<Option<(RequestHead, usize)>, HeadFault> {
    let (mut head, mut seen) = (RequestHead::new(), 0);
    while seen < bytes.len() {
        let buffer = &bytes[..seen.saturating_add(step).min(bytes.len())];
        match head.take(buffer, seen, limits) {
            Scan::Partial => seen = buffer.len(),
            Scan::Bad(fault) => return Err(fault),
            Scan::End(end) => return Ok(Some((head, end))),
        }
    }
    Ok(None)
}

fn check_path(path: &[u8]) {
    let mut room = PathScratch::default();
    let Ok(readings) = normalized_path::read(path, &mut room) else { return };
    for reading in [Some(readings.plain), readings.twice].into_iter().flatten() {
        if !reading.starts_with(b"/") {
            assert_eq!(reading, path, "only what is no path stays as it is");
            continue;
        }
        let text = String::from_utf8_lossy(reading);
        for never in ["//", "/./", "/../", "\\"] {
            assert!(!text.contains(never), "{text} has {never}");
        }
        assert!(!text.ends_with("/.") && !text.ends_with("/.."), "{text} ends in dots");
    }
}

/// Where a prefix is replaced, the node reads what follows it, and nothing else.
fn check_changed_path(path: &[u8]) {
    let (change, mut room) = (PathChange::new("/esb", "/"), PathScratch::default());
    if change.check(path, &mut room).is_err() {
        return;
    }
    let up = change.up(path).concat();
    let read = |path: &[u8]| normalized_path::read(path, &mut PathScratch::default()).ok().map(|read| read.plain.to_vec());
    let Some(public) = read(path) else { return };
    let rest = public.strip_prefix(b"/esb").expect("the prefix is there in the end");
    assert_eq!(read(&up).as_deref(), Some(if rest.is_empty() { b"/" } else { rest }), "{}", up.escape_ascii());
}

fn check_up(head: &RequestHead, switches: u8) {
    let trust = match switches & 6 {
        0 => Trust::Append,
        2 => Trust::Trusted,
        _ => Trust::Strip,
    };
    let from = Forwarded { client: b"192.0.2.7", real: None, secure: switches & 1 != 0, port: 443, public_port: None, trust, certificate: None };
    let (framing, expected) = match head.framing() {
        Framing::None => (FramingToNode::None, Frames::Nothing),
        Framing::Length(length) => (FramingToNode::Length(length), Frames::Length(length)),
        Framing::Chunked => (FramingToNode::Chunked, Frames::Chunked),
    };
    let upgrade = head.upgrade().is_some();
    let up = ToNode { framing, close: switches & 8 != 0, via: false, upgrade, default_host: b"default.example", default_authority: b"default.example", expect: true, path_change: None, edits: None, request_id: None, traceparent: None, begins_trace: false };
    let mut out = Vec::new();
    write_request(&mut out, head, &from, &up);

    let (first, fields) = strict::read(&out);
    assert_eq!(first, [head.method_name(), b" ", head.target_up(), b" HTTP/1.1"].concat());
    assert_eq!(first.iter().filter(|&&byte| byte == b' ').count(), 2);
    assert_eq!(strict::frames(&fields), expected);
    assert_eq!(strict::values(&fields, "host"), [head.host().map_or(b"default.example".as_slice(), |host| host.raw)]);
    for name in ["x-forwarded-for", "x-forwarded-host", "x-forwarded-server", "x-forwarded-proto", "x-forwarded-port", "x-real-ip"] {
        assert_eq!(strict::values(&fields, name).len(), 1, "{name}");
        assert!(strict::values(&fields, &name.replace('-', "_")).is_empty(), "{name}");
    }
    assert!(strict::values(&fields, "x-forwarded-for")[0].ends_with(b"192.0.2.7"));
    for name in ["keep-alive", "proxy-connection", "proxy-authorization", "trailer", "http2-settings"] {
        assert!(strict::values(&fields, name).is_empty(), "{name}");
    }
    assert!(strict::values(&fields, "connection").len() <= 1);
    assert_eq!(strict::values(&fields, "upgrade").len(), usize::from(upgrade));
    // That reader takes targets in UTF-8 alone.
    if std::str::from_utf8(head.target_up()).is_ok() {
        check_with_a_lax_reader(&out, fields.len());
    }
    check_again(&out, head);
}

/// A reader in wide use sees one head of the same fields.
fn check_with_a_lax_reader(out: &[u8], fields: usize) {
    let mut room = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut room);
    assert_eq!(request.parse(out), Ok(httparse::Status::Complete(out.len())));
    assert_eq!(request.headers.len(), fields);
}

/// What Weir writes, Weir accepts and means the same by.
fn check_again(out: &[u8], head: &RequestHead) {
    let limits = HeadLimits { bytes: 16384, fields: 64, target: 200, secure: false };
    assert_eq!(scan_head(out, 0, &limits), Scan::End(out.len()));
    let mut again = RequestHead::new();
    assert_eq!(again.parse(out, &limits), Ok(()));
    assert_eq!((again.framing(), again.target_up()), (head.framing(), head.target_up()));
    assert_eq!(again.upgrade(), head.upgrade());
}
