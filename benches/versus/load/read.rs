//! Reads what wrk and h2load print. Pure; what it cannot read is `None`, never zero.

/// What our script makes wrk print at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WrkLine {
    pub(crate) requests: u64,
    pub(crate) micros: f64,
    /// p50, p99, p99.9 and the longest, in microseconds.
    pub(crate) latencies: [f64; 4],
    /// connect, read, write, status and timeout.
    pub(crate) errors: [u64; 5],
}

/// The line `versus: requests micros p50 p99 p99.9 worst connect read write status timeout`.
pub(crate) fn wrk(output: &str) -> Option<WrkLine> {
    let line = output.lines().find_map(|line| line.strip_prefix("versus: "))?;
    let numbers = line.split_whitespace().map(|word| word.parse::<f64>().ok()).collect::<Option<Vec<_>>>()?;
    let [requests, micros, p50, p99, p999, worst, connect, read, write, status, timeout] = numbers[..] else {
        return None;
    };
    Some(WrkLine {
        requests: requests as u64,
        micros,
        latencies: [p50, p99, p999, worst],
        errors: [connect, read, write, status, timeout].map(|count| count as u64),
    })
}

/// What h2load prints at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct H2loadEnd {
    pub(crate) seconds: f64,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// The lines `finished in …`, `requests: …` and `status codes: …`.
pub(crate) fn h2load(output: &str) -> Option<H2loadEnd> {
    let line = |start| output.lines().find_map(|line| line.strip_prefix(start));
    let seconds = duration(line("finished in ")?.split(',').next()?)?;
    let requests = line("requests: ")?;
    let good = counted(line("status codes: ")?, "2xx")?;
    let bad = ["failed", "errored", "timeout"].iter().map(|word| counted(requests, word)).sum::<Option<u64>>()?;
    let others =
        ["3xx", "4xx", "5xx"].iter().map(|word| counted(line("status codes: ")?, word)).sum::<Option<u64>>()?;
    Some(H2loadEnd { seconds, good, bad: bad.max(others) })
}

/// The number before a word, as in `12 failed`.
fn counted(line: &str, word: &str) -> Option<u64> {
    let words = line.split([' ', ',']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
    let at = words.iter().position(|other| *other == word)?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}

/// `1.00s`, `950.12ms` or `80us` as seconds.
fn duration(text: &str) -> Option<f64> {
    let units = [("ms", 1e-3), ("us", 1e-6), ("s", 1.0)];
    units.iter().find_map(|(unit, of)| text.trim().strip_suffix(unit)?.parse::<f64>().ok().map(|number| number * of))
}

/// Status and microseconds of each line of h2load's log.
pub(crate) fn h2load_log(text: &str) -> impl Iterator<Item = (i32, u32)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    })
}
