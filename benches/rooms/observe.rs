//! What is left of a request when it is over: counts, and a line of the access log.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use weir::observe::access_log::RequestEntry;
use weir::observe::dates::DateCache;
use weir::observe::metrics::{Finished, Metrics};

use crate::measure::{Criterion, measure};

/// Everything that an answered request of a session counts.
pub(crate) fn metrics(criterion: &mut Criterion) {
    let metrics = Metrics::new("1", SystemTime::UNIX_EPOCH);
    let tally = metrics.site("esb").tally("services");
    let (route, pool, node) =
        (metrics.route("esb", "workers", "wrk1"), metrics.pool("workers"), metrics.node("workers", "wrk1"));
    let finished = Finished {
        code: 200,
        time_taken: Duration::from_micros(8_500),
        upstream_time: Some(Duration::from_micros(8_250)),
        received: 512,
        sent: 2048,
    };
    measure(criterion, "metrics", 0, || {
        pool.session("hit");
        node.connection("reused");
        route.record(black_box(&finished), &tally);
    });
    let counted = r#"weir_requests_total{code="200",node="wrk1",pool="workers",site="esb"}"#;
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}

/// A line of the access log, without its way to the file.
pub(crate) fn access_line(criterion: &mut Criterion) {
    let (mut line, mut clock) = (Vec::new(), DateCache::new());
    let entry = entry();
    measure(criterion, "access/combined", 0, || {
        line.clear();
        black_box(&entry).write_combined(&mut line, &mut clock);
    });
    assert!(line.starts_with(b"192.0.2.7 - - ["));
    measure(criterion, "access/json", 0, || {
        line.clear();
        black_box(&entry).write_json(&mut line, &mut clock);
    });
    assert!(line.ends_with(b"}"));
}

fn entry() -> RequestEntry<'static> {
    RequestEntry {
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
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
        request_id: b"4bf92f3577b34da6a3ce929d0e0e4736",
        trace_id: b"",
        session_names: &[],
        refusal: "",
        reason: "",
        tls: "TLSv1.3",
        subject: "",
        key_exchange: "X25519",
        protocol: "http/1.1",
        connection: 12_345,
        nth: 17,
    }
}
