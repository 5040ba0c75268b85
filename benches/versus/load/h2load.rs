//! h2load: HTTP/2 from eight connections with 32 streams each.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::{Load, output_of, read};
use crate::result::Result;
use crate::testbed::Testbed;

const CONNECTIONS: &str = "-c8";
const STREAMS: &str = "-m32";
/// A million logins take a minute or two.
const PATIENCE: Duration = Duration::from_secs(600);

/// So many small answers. By number, because h2load's timed runs do not always end.
pub(crate) fn small(testbed: &Testbed, port: u16, count: usize) -> Result<Load> {
    logged(testbed, &mut asking(port, "", count))
}

/// With the time that each request took.
fn logged(testbed: &Testbed, command: &mut Command) -> Result<Load> {
    let log = testbed.dir.join("scripts/h2load.log");
    let _ = fs::remove_file(&log);
    let end = run(command.arg(format!("--log-file={}", log.display())))?;
    let text = fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let latencies = read::h2load_log(&text).filter(|(status, _)| *status == 200).map(|(_, micros)| micros).collect();
    let load = Load::of(latencies, end.seconds);
    Ok(Load { requests: end.good, errors: end.bad, complaint: "h2load saw requests fail".to_owned(), ..load })
}

/// So many logins, each a new session.
pub(crate) fn logins(port: u16, count: usize) -> Result<Load> {
    let end = run(&mut asking(port, "login", count))?;
    let load = Load::of(Vec::new(), end.seconds);
    Ok(Load { requests: end.good, errors: end.bad, complaint: "h2load saw logins fail".to_owned(), ..load })
}

/// As many logins a second, for so long, each a new session.
pub(crate) fn paced_logins(testbed: &Testbed, port: u16, (a_second, seconds): (u64, u64)) -> Result<Load> {
    let count = usize::try_from(a_second * seconds).unwrap_or(usize::MAX);
    // For each of its connections.
    let each = a_second / 8;
    logged(testbed, asking(port, "login", count).arg(format!("--rps={each}")))
}

fn asking(port: u16, path: &str, count: usize) -> Command {
    let mut command = Command::new("h2load");
    command
        .args(["-t1", CONNECTIONS, STREAMS])
        .arg(format!("-n{count}"))
        .arg(format!("https://127.0.0.1:{port}/{path}"));
    command
}

fn run(command: &mut Command) -> Result<read::H2loadEnd> {
    let text = output_of("h2load", command, PATIENCE)?;
    read::h2load(&text).ok_or_else(|| format!("h2load: {text}"))
}
