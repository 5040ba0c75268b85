//! What a request meets in each room, timed alone: numbers to compare before and after a change, not promises.
//! `cargo bench` measures; `cargo test --benches` runs everything once.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use regex::bytes::RegexBuilder;
use weir::config::{Access, Action, Edits, HostPattern, PathPattern, Place, Rate, RateBy, Route, RouteTimeouts};
use weir::observe::access::Entry;
use weir::observe::clock::DateCache;
use weir::traffic::balance::Ask;
use weir::traffic::headers::{Forwarded, Trust, Up, UpFraming, write_request};
use weir::traffic::plain_path::{Room, read};
use weir::traffic::pool::{Choice, Meant, Pool, Tried, Wish};
use weir::traffic::rate::{RateLimit, Verdict};
use weir::traffic::resolved::Resolved;
use weir::traffic::routes::Routes;
use weir::traffic::sessions::{How, Sessions};
use weir::traffic::sites::Sites;
use weir::traffic::snapshot::{Ground, Secrets, Snapshot};
use weir::traffic::tick::Tick;
use weir::wire::{HeadLimits, RequestHead, Scan, scan_head};

criterion_group!(rooms, host, choose, session, routes, plain_path, rate, head, access_line);
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

/// The node that a request gets, and its place there, by each method in a pool as a configuration makes it: all nodes
/// active, idle and equally quick, with a bound on requests.
fn choose(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("choose");
    for method in ["round-robin", "least-requests", "least-time", "random-two", "hash"] {
        for count in [2, 1000] {
            let pool = pool(method, count);
            let (tried, now) = (Tried::default(), Tick::from_millis(1_000));
            let mut chance = 88_172_645_463_325_252;
            let mut next = || {
                let ask = Ask { key: draw(&mut chance), chance: draw(&mut chance) };
                let wish = Wish { bound: None, returns: false, tried: &tried, failure: None, ask, now };
                let Choice::Node(chosen) = pool.choose(&wish, Meant::Yes) else { panic!("all nodes are active") };
                chosen.member
            };
            let met: BTreeSet<_> = (0..1000).map(|_| next()).collect();
            assert!(met.len() > 1, "{method}: requests are spread");
            group.bench_function(BenchmarkId::new(method, count), |bencher| bencher.iter(&mut next));
        }
    }
}

fn pool(method: &str, count: usize) -> Pool {
    let dir = std::env::temp_dir().join(format!("weir-rooms-{}-{method}-{count}", std::process::id()));
    let hash = if method == "hash" { "hash = { on = \"path\" }\n" } else { "" };
    let nodes = |line: fn(usize) -> String| (0..count).map(line).collect::<String>();
    let text = format!(
        "state-dir = \"state\"\n[[listener]]\nname = \"http\"\nbind = \"127.0.0.1:8080\"\n{}\
         [[pool]]\nname = \"app\"\nport = 8280\nmax-requests = 1000\nbalance = \"{method}\"\n{hash}nodes = [{}]\n\
         [[site]]\nname = \"s\"\nlistener = \"http\"\nhosts = [\"a.test\"]\npool = \"app\"\n",
        nodes(|node| format!("[[node]]\nname = \"w{node}\"\naddress = \"10.0.{}.{}\"\n", node / 250, node % 250 + 1)),
        nodes(|node| format!("\"w{node}\",")),
    );
    std::fs::create_dir_all(&dir).expect("a directory of its own");
    std::fs::write(dir.join("weir.toml"), text).expect("written");
    let config = weir::config::load(&dir.join("weir.toml")).unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    std::fs::remove_dir_all(&dir).expect("removed");
    let (resolved, secrets) = (Resolved::default(), Secrets::of([7; 32]));
    let ground = Ground { generation: 1, previous: None, resolved: &resolved, secrets };
    let pool = Snapshot::build(config.into(), &ground).pools.remove(0);
    for member in &pool.members {
        member.load.latency.record(Tick::from_millis(1_000), Duration::from_millis(5));
    }
    pool
}

fn draw(chance: &mut u64) -> u64 {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    chance.wrapping_mul(0x2545_f491_4f6c_dd1d)
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

/// Which of twenty routes takes a request: each kind of pattern stands last, behind prefixes that do not match.
fn routes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routes");
    let builder = || RegexBuilder::new("^/services/[^/]*Admin(/|$)").unicode(false).build();
    let regex = || PathPattern::Regex(builder().expect("a good pattern"));
    let cases = [
        ("exact", PathPattern::Exact("/favicon.ico".into()), "/favicon.ico"),
        ("prefix", PathPattern::Prefix("/carbon".into()), "/carbon/admin/login.jsp"),
        ("regex", regex(), "/services/UserAdmin"),
        ("none", regex(), "/services/Echo"),
        ("escaped", PathPattern::Prefix("/carbon".into()), "/%63arbon/admin;x=y/../login.jsp"),
    ];
    for (kind, pattern, path) in cases {
        let before = (0..19).map(|number| PathPattern::Prefix(format!("/other{number}").into()));
        let routes: Vec<_> = before.chain([pattern]).map(route).collect();
        let (routes, mut room, head) = (Routes::new(&routes), Room::default(), asking_for(path));
        let found = routes.find(&head, &mut room).expect("a clear path");
        assert_eq!(found, (kind != "none").then_some(19), "{path}");
        group.bench_function(kind, |bencher| bencher.iter(|| routes.find(black_box(&head), &mut room)));
    }
}

/// What a path is in the eyes of a node.
fn plain_path(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plain-path");
    for (kind, path, plain) in [
        ("usual", "/services/Echo/endpoint1", "/services/Echo/endpoint1"),
        ("escaped", "/services/%45cho;jsessionid=0123456789ABCDEF/endpoint1", "/services/Echo/endpoint1"),
        ("climbing", "/services/Echo/../Other/endpoint1", "/services/Other/endpoint1"),
    ] {
        let mut room = Room::default();
        let readings = read(path.as_bytes(), &mut room).expect("a clear path");
        assert_eq!(readings.plain, plain.as_bytes());
        let id = BenchmarkId::from_parameter(kind);
        group.bench_function(id, |bencher| {
            bencher.iter(|| read(black_box(path.as_bytes()), &mut room).is_ok());
        });
    }
}

/// Whether a client may come now: one that does, one that comes too often, and every time another one.
fn rate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rate");
    let by = RateBy::Client { ipv4_prefix: 32, ipv6_prefix: 64 };
    let per = Duration::from_secs(1);
    let limit = |requests| {
        RateLimit::new(&Rate { requests, per, burst: 0, delay: false, by: by.clone(), max_keys: 100_000 }, [7; 16])
    };
    let (wide, tight, now) = (limit(1_000_000), limit(1), Tick::from_millis(1_000));
    let ask = |limit: &RateLimit, client: u32, now| limit.ask_for(IpAddr::V4(client.into()), None, now);
    let mut later = 1_000;
    group.bench_function("known", |bencher| {
        bencher.iter(|| {
            later += 1;
            ask(&wide, black_box(7), Tick::from_millis(later))
        });
    });
    assert_eq!(ask(&tight, 7, now), Verdict::Pass);
    assert!(matches!(ask(&tight, 7, now), Verdict::Refuse { .. }));
    group.bench_function("refused", |bencher| bencher.iter(|| ask(&tight, black_box(7), now)));
    let mut client = 0;
    group.bench_function("new", |bencher| {
        bencher.iter(|| {
            client += 1;
            ask(&wide, client, now)
        });
    });
}

fn asking_for(path: &str) -> RequestHead {
    let mut head = RequestHead::new();
    let text = format!("GET {path} HTTP/1.1\r\nHost: esb.wso2.com\r\n\r\n");
    head.parse(text.as_bytes(), &HeadLimits::default()).expect("a good head");
    head
}

fn route(path: PathPattern) -> Route {
    Route {
        name: "route".into(),
        path: Some(path),
        methods: Vec::new(),
        headers: Vec::new(),
        action: Action::Pool(0),
        access: Access::default(),
        rate: None,
        timeouts: RouteTimeouts::default(),
        max_body: None,
        non_idempotent: false,
        request_headers: Edits::default(),
        response_headers: Edits::default(),
        at: Place::default(),
    }
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
