//! The pure parts of `make bench`: what wrk and h2load print is read right or not at all, and medians are medians.

#[path = "../benches/versus/load/read.rs"]
mod read;
#[path = "../benches/versus/stats.rs"]
mod stats;

/// As h2load 1.52 ends.
const H2LOAD: &str = "
finished in 950.12ms, 21049.90 req/s, 2.63MB/s
requests: 20000 total, 20000 started, 20000 done, 19990 succeeded, 10 failed, 3 errored, 0 timeout
status codes: 19990 2xx, 0 3xx, 7 4xx, 0 5xx
traffic: 2.50MB (2621240) total, 410.19KB (420032) headers (space savings 86.02%), 1.34MB (1400000) data
";

#[test]
fn what_wrk_prints_is_read() {
    let line = read::wrk("Running 1s test\nversus: 40123 1001234 411 2300 9100 12000 1 2 3 4 5\n").unwrap();
    assert_eq!(line.requests, 40_123);
    assert_eq!(line.micros, 1_001_234.0);
    assert_eq!(line.latencies, [411.0, 2300.0, 9100.0, 12_000.0]);
    assert_eq!(line.errors, [1, 2, 3, 4, 5]);
}

#[test]
fn half_of_what_wrk_prints_is_not() {
    for text in ["", "unable to connect to 127.0.0.1:1", "versus: 1 2 3", "versus: 1 2 3 4 5 6 7 8 9 10 x"] {
        assert_eq!(read::wrk(text), None, "{text:?}");
    }
}

#[test]
fn what_h2load_prints_is_read() {
    let end = read::h2load(H2LOAD).unwrap();
    assert!((end.seconds - 0.950_12).abs() < 1e-9);
    assert_eq!((end.good, end.bad), (19_990, 13));
    let in_seconds = H2LOAD.replace("950.12ms", "2.50s");
    assert_eq!(read::h2load(&in_seconds).unwrap().seconds, 2.5);
}

#[test]
fn answers_of_another_status_are_errors() {
    let refused = H2LOAD.replace("10 failed, 3 errored", "0 failed, 0 errored").replace("7 4xx", "6 4xx");
    assert_eq!(read::h2load(&refused).unwrap().bad, 6);
}

#[test]
fn h2load_without_an_end_is_not_read() {
    assert_eq!(read::h2load("starting benchmark...\nfinished in 1.00s, 0 req/s"), None);
}

#[test]
fn the_log_of_h2load_gives_status_and_time() {
    let lines = read::h2load_log("1700000000000000\t200\t1234\n\n1700000000000001\t-1\t7\n").collect::<Vec<_>>();
    assert_eq!(lines, [(200, 1234), (-1, 7)]);
}

#[test]
fn medians() {
    let cases: &[(&[f64], Option<f64>)] = &[
        (&[], None),
        (&[f64::NAN], None),
        (&[3.0], Some(3.0)),
        (&[4.0, 1.0], Some(2.5)),
        (&[9.0, 1.0, 2.0], Some(2.0)),
        (&[1.0, f64::NAN, 5.0, 2.0], Some(2.0)),
    ];
    for (values, median) in cases {
        assert_eq!(stats::median(values), *median, "{values:?}");
    }
}

#[test]
fn percentiles() {
    let mut hundred = (1..=100).rev().collect::<Vec<u32>>();
    for (share, value) in [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0)] {
        assert_eq!(stats::percentile(&mut hundred, share), Some(value), "{share}");
    }
    assert_eq!(stats::percentile(&mut [], 0.5), None);
}
