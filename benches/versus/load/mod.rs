//! Load: what a tool or a client of ours did to one port, and whether all of it was answered well.

pub(crate) mod h2load;
pub(crate) mod read;
pub(crate) mod wrk;

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::result::Result;
use crate::stats::percentile;

/// What came of one load.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Load {
    /// Answered well.
    pub(crate) requests: u64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Latencies in microseconds; not a number where the tool tells none.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// The longest.
    pub(crate) worst: f64,
    /// What was not answered well.
    pub(crate) errors: u64,
    /// The first of it, or how it splits up.
    pub(crate) complaint: String,
}

impl Load {
    /// From single latencies, in microseconds.
    pub(crate) fn of(mut latencies: Vec<u32>, seconds: f64) -> Self {
        let mut at = |share| percentile(&mut latencies, share).unwrap_or(f64::NAN);
        let (p50, p99, p999, worst) = (at(0.5), at(0.99), at(0.999), at(1.0));
        let requests = latencies.len() as u64;
        Self { requests, seconds, p50, p99, p999, worst, errors: 0, complaint: String::new() }
    }

    /// Refuses a load that was not answered well throughout, or not at all.
    pub(crate) fn faultless(self) -> Result<Self> {
        match (self.errors, self.requests) {
            (0, 0) => Err("not one request was answered".to_owned()),
            (0, _) => Ok(self),
            (errors, _) => Err(format!("{errors} errors: {}", self.complaint)),
        }
    }
}

/// Runs a tool to its end and returns what it printed; one that does not end in time is ended, and that is an error.
fn output_of(name: &str, command: &mut Command, patience: Duration) -> Result<String> {
    let begun = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{name} does not start: {error}"))?;
    let pipes = (child.stdout.take(), child.stderr.take());
    let printed = thread::spawn(move || {
        let (mut text, mut complaints) = (String::new(), String::new());
        let _ = pipes.0.map(|mut pipe| pipe.read_to_string(&mut text));
        let _ = pipes.1.map(|mut pipe| pipe.read_to_string(&mut complaints));
        text + &complaints
    });
    loop {
        match child.try_wait() {
            Ok(Some(_)) => return printed.join().map_err(|_| format!("{name} printed what cannot be read")),
            Ok(None) if begun.elapsed() < patience => thread::sleep(Duration::from_millis(2)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name} did not end within {} s", patience.as_secs()));
            }
        }
    }
}
