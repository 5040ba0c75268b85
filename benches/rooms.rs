//! What a request meets in each room, timed alone: numbers to compare before and after a change, not promises.
//! `cargo bench` measures; `cargo test --benches` runs everything once.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use weir::config::HostPattern;
use weir::observe::access::Entry;
use weir::observe::clock::DateCache;
use weir::traffic::balance::SmoothRoundRobin;
use weir::traffic::headers::{Forwarded, Trust, Up, UpFraming, write_request};
use weir::traffic::sessions::{How, Sessions};
use weir::traffic::sites::Sites;
use weir::traffic::state::NodeState;
use weir::traffic::tick::Tick;
use weir::wire::{HeadLimits, RequestHead, Scan, scan_head};

criterion_group!(rooms, host, pick, session, head, access_line);
criterion_main!(rooms);

/// The site of a host: an exact name, one that only a wildcard takes, one that nobody has.
fn host(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("host");
    for count in [10, 5000] {
        let mut patterns: Vec<_> =
            (0..count).map(|site| HostPattern::Exact(format!("s{site}.wso2.com").into())).collect();
        patterns.push(HostPattern::Wildcard("apps.wso2.com".into()));
        let sites = Sites::new(patterns.iter().zip(0..), None);
        let exact = format!("s{}.wso2.com", count - 1);
        let cases = [("exact", exact.as_str(), true), ("wildcard", "a.apps.wso2.com", true), ("none", "x.org", false)];
        for (kind, host, is_found) in cases {
            assert_eq!(sites.find(host.as_bytes()).is_some(), is_found, "{host}");
            let id = BenchmarkId::new(kind, count);
            group.bench_function(id, |bencher| bencher.iter(|| sites.find(black_box(host.as_bytes()))));
        }
    }
}

/// The next node, each asked whether it takes traffic.
fn pick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pick");
    for count in [2, 1000] {
        let round_robin = SmoothRoundRobin::new((0..count).map(|_| 1));
        let states: Vec<_> = (0..count).map(|_| NodeState::new(false)).collect();
        let now = black_box(Tick::from_millis(1_000));
        let next = || round_robin.pick(|node| states[node].takes_new(now).then_some(1000));
        assert_ne!(next(), next(), "two turns, two nodes");
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| bencher.iter(next));
    }
}

/// The node of a session's cookie, the hash of its id included.
fn session(criterion: &mut Criterion) {
    let now = Tick::from_millis(1_000);
    let sessions = Sessions::new(SESSIONS, Duration::from_secs(1800), [7; 16]);
    let ids: Vec<_> = (0..SESSIONS).map(|number| format!("{number:032X}")).collect();
    for id in &ids {
        sessions.bind(sessions.key(id.as_bytes()), 1, now, How::Learned);
    }
    assert_eq!(sessions.len(), SESSIONS);
    let mut known = ids.iter().cycle();
    criterion.bench_function("session/known", |bencher| {
        bencher.iter(|| known.next().map(|id| sessions.find(sessions.key(id.as_bytes()), now)));
    });
    criterion.bench_function("session/unknown", |bencher| {
        bencher.iter(|| sessions.find(sessions.key(black_box(b"of nobody")), now));
    });
}

/// A request's head from the buffer to what the node reads.
fn head(criterion: &mut Criterion) {
    let limits = HeadLimits { secure: true, ..HeadLimits::default() };
    let from = Forwarded { client: b"192.0.2.7", secure: true, port: 443, trust: Trust::Append };
    let up = Up {
        framing: UpFraming::Length(512),
        close: false,
        via: true,
        upgrade: false,
        default_host: b"esb.wso2.com",
        edits: None,
    };
    let (mut head, mut out) = (RequestHead::new(), Vec::new());
    assert_eq!(scan_head(HEAD, 0, &limits), Scan::End(HEAD.len()));
    head.parse(HEAD, &limits).expect("a good head");
    criterion.bench_function("head/scan", |bencher| bencher.iter(|| scan_head(black_box(HEAD), 0, &limits)));
    criterion.bench_function("head/parse", |bencher| bencher.iter(|| head.parse(black_box(HEAD), &limits)));
    criterion.bench_function("head/write", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_request(&mut out, black_box(&head), &from, &up);
        });
    });
    assert!(out.starts_with(b"POST /services/Echo HTTP/1.1\r\nHost: esb.wso2.com\r\n"));
}

/// A line of the access log, without its way to the file.
fn access_line(criterion: &mut Criterion) {
    let (mut line, mut clock) = (Vec::new(), DateCache::new());
    let entry = entry();
    criterion.bench_function("access/combined", |bencher| {
        bencher.iter(|| {
            line.clear();
            black_box(&entry).write_combined(&mut line, &mut clock);
        });
    });
    assert!(line.starts_with(b"192.0.2.7 - - ["));
    criterion.bench_function("access/json", |bencher| {
        bencher.iter(|| {
            line.clear();
            black_box(&entry).write_json(&mut line, &mut clock);
        });
    });
    assert!(line.ends_with(b"}"));
}

fn entry() -> Entry<'static> {
    Entry {
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        request_line: b"POST /services/Echo;jsessionid=0123456789ABCDEF HTTP/1.1",
        status: 200,
        body_bytes: 2048,
        received: 512,
        referer: b"https://esb.wso2.com/carbon/",
        user_agent: b"Axis2",
        host: b"esb.wso2.com",
        site: "esb",
        route: "",
        pool: "workers",
        node: "wrk1",
        upstream_time: Some(Duration::from_micros(8_250)),
        time_taken: Duration::from_micros(8_500),
        tries: 1,
        session: "hit",
        why: "session",
        queued: Duration::ZERO,
        session_name: "",
        refusal: "",
        tls: "TLSv1.3",
        protocol: "http/1.1",
        connection: 12_345,
        nth: 17,
    }
}

const SESSIONS: usize = 100_000;

const HEAD: &[u8] = b"POST /services/Echo HTTP/1.1\r\nHost: esb.wso2.com\r\nUser-Agent: Axis2\r\nAccept: */*\r\n\
    Content-Type: text/xml; charset=UTF-8\r\nSOAPAction: \"urn:echo\"\r\nContent-Length: 512\r\n\
    Cookie: JSESSIONID=0123456789ABCDEF0123456789ABCDEF; route=wrk1\r\nX-Forwarded-For: 198.51.100.4\r\n\r\n";
