//! A program of the operator's that makes or removes a DNS record.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::transport::in_one_line;

/// How much of what it writes is kept.
const KEPT: u64 = 64 << 10;

/// How much of that is told, from the end.
const TOLD: usize = 600;

/// Runs it with these variables in its environment. What it wrote to its standard output.
///
/// # Errors
/// Why it failed, with the end of what it wrote to its standard error.
pub(super) async fn run(words: &[String], variables: &[(&str, &str)], limit: Duration) -> Result<String, String> {
    let Some((program, arguments)) = words.split_first() else { return Err("no program is named".to_owned()) };
    let mut child = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        // It is no part of the service that could tell systemd how that is.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("LISTEN_FDS")
        .env_remove("LISTEN_PID")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let ended = tokio::time::timeout(limit, async { tokio::join!(child.wait(), read(out), read(err)) }).await;
    let Ok((status, out, err)) = ended else {
        return Err(format!("{program} did not end within {} s (dns-timeout), and was ended", limit.as_secs()));
    };
    group.has_ended();
    let status = status.map_err(|error| format!("{program}: {error}"))?;
    if status.success() {
        return Ok(out);
    }
    let said = in_one_line(if err.trim().is_empty() { &out } else { &err });
    let from = said.char_indices().rev().nth(TOLD).map_or(0, |(at, _)| at);
    Err(format!("{program} failed ({status}): {}", said.get(from..).unwrap_or_default()))
}

/// A program and all that it started, which end with this value.
struct Group(Option<Pid>);

impl Group {
    /// Its number may be another's by now.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended in this moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What comes, as far as it is kept. The rest is read too, so that nobody waits for room.
async fn read(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else { return String::new() };
    let mut kept = Vec::new();
    // Of a pipe that breaks, what came before counts.
    let _ = (&mut from).take(KEPT).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ran(script: &str, limit: Duration) -> Result<String, String> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&words, &[("CERTBOT_DOMAIN", "esb.test")], limit).await
    }

    #[tokio::test]
    async fn a_program_is_told_of_the_record_and_tells_what_came_of_it() {
        let long = Duration::from_secs(30);
        assert_eq!(ran("echo made $CERTBOT_DOMAIN", long).await, Ok("made esb.test".to_owned()));
        let failed = ran("echo no such zone >&2; exit 3", long).await.unwrap_err();
        assert!(failed.contains("exit status: 3") && failed.ends_with("no such zone"), "{failed}");
        let much = ran("head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2", long).await.unwrap();
        assert_eq!(much.len() as u64, KEPT);
        let missing = run(&["/no/such/hook".to_owned()], &[], long).await.unwrap_err();
        assert!(missing.starts_with("/no/such/hook cannot be started: "), "{missing}");
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_all_that_it_started() {
        let room = std::env::temp_dir().join(format!("weir-hook-{}", std::process::id()));
        let script = format!("sleep 60 & echo $! > {}; wait", room.display());
        let failed = ran(&script, Duration::from_millis(500)).await.unwrap_err();
        assert!(failed.contains("did not end within"), "{failed}");
        let started = std::fs::read_to_string(&room).unwrap();
        std::fs::remove_file(&room).unwrap();
        let stat = format!("/proc/{}/stat", started.trim());
        let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        for _ in 0..500 {
            if !lives() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{stat} is still there");
    }
}
